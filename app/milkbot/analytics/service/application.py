"""The routes. Paths are relative to wherever a proxy mounts the service; it is `/api/` under nginx."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from functools import cache, partial
from http import HTTPStatus
from typing import Annotated, Any

import psycopg
from fastapi import FastAPI, Query, Request, Response
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from sqlalchemy import Engine, event

from milkbot.analytics.forecast_scores import EVIDENCE_LEAD, LEADS
from milkbot.analytics.service import description, tables
from milkbot.analytics.service.cache import AnswerCache
from milkbot.analytics.service.cursors import MARKETS_PATTERN, TRADES_PATTERN, MarketsCursor, TradesCursor
from milkbot.analytics.service.curve_queries import read_daily, read_drawdown, read_equity
from milkbot.analytics.service.figure_queries import MOST_TRADES, read_cities, read_execution, read_strategies
from milkbot.analytics.service.figure_schemas import Cities, Daily, Drawdown, Execution, Strategies, Summary
from milkbot.analytics.service.health import Probe
from milkbot.analytics.service.listed import Joined, Readable, as_json
from milkbot.analytics.service.market_queries import read_markets, read_today
from milkbot.analytics.service.market_schemas import Markets, Results, Today
from milkbot.analytics.service.metrics import add_metrics
from milkbot.analytics.service.problems import MEDIA_TYPE, add_problem_handlers
from milkbot.analytics.service.queries import MOST_ROWS, read_hero, read_platform, read_trades
from milkbot.analytics.service.result_queries import read_results
from milkbot.analytics.service.schemas import (
    DEFAULT_SPAN,
    SPANS,
    Equity,
    Health,
    Hero,
    PlatformStatus,
    Status,
    Trades,
)
from milkbot.analytics.service.skill_queries import list_skill, read_reliability
from milkbot.analytics.service.skill_schemas import Reliability, Skill
from milkbot.analytics.service.strict import StrictRoute
from milkbot.analytics.service.tables import Format
from milkbot.db.session import reading
from milkbot.domain.cities import cities
from milkbot.release import release_id

CACHE_SECONDS = 5
DESCRIPTION_SECONDS = 3600
SUMMARY_TRADES = 20
JSON = "application/json"


def _known_city(code: str) -> str:
    known = [city.code for city in cities()]
    if code and code not in known:
        raise ValueError(f"not a city that is traded; use one of {', '.join(known)}, or leave it empty for all")
    return code


def _known_lead(lead: str) -> str:
    if lead not in LEADS:
        raise ValueError(f"not a lead time at which forecasts are scored; use one of {', '.join(LEADS)}")
    return lead


def _known_span(name: str) -> str:
    if name not in SPANS:
        raise ValueError(f"not a span of the front page; use one of {', '.join(SPANS)}")
    return name


def _cursor(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str | None) -> str | None:
        if text is not None:
            parse(text)
        return text

    return AfterValidator(check)


_PAGE = "where the next page begins: `next_cursor` of the page before"
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="rows of a page, at most")]
City = Annotated[
    str,
    BeforeValidator(lambda code: str(code).upper()),
    AfterValidator(_known_city),
    WithJsonSchema({"type": "string", "enum": ["", *(city.code for city in cities())]}),
    Query(description="the code of a city; all cities when it is empty"),
]
TradesCursorText = Annotated[str | None, Query(description=_PAGE, pattern=TRADES_PATTERN), _cursor(TradesCursor.parse)]
MarketsCursorText = Annotated[
    str | None, Query(description=_PAGE, pattern=MARKETS_PATTERN, max_length=60), _cursor(MarketsCursor.parse)
]
NewestTrades = Annotated[int, Query(ge=1, le=MOST_TRADES, description="of how many of the newest trades")]
Days = Annotated[int, Query(ge=1, le=3650, description="UTC days, today included")]
PageSpan = Annotated[
    str,
    AfterValidator(_known_span),
    WithJsonSchema({"type": "string", "enum": list(SPANS)}),
    Query(description="how far back the account is shown"),
]
SummedDays = Annotated[int, Query(ge=1, le=3650, description="climate days")]
ScoredDays = Annotated[int, Query(ge=1, le=400, description="climate days")]
ScoredLead = Annotated[
    str,
    AfterValidator(_known_lead),
    WithJsonSchema({"type": "string", "enum": list(LEADS)}),
    Query(description="when it was said, on the city's clock"),
]
TableFormat = Annotated[
    Format | None, Query(alias="format", description="csv for a table; what the client accepts when it is left out")
]


def _problems(*statuses: int, table: bool = False) -> dict[int | str, dict[str, Any]]:
    """The answers besides the model: errors, and the same rows as a table."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}} for status in statuses
    }
    if table:
        found[200] = {"content": {"text/csv": {"schema": {"type": "string"}}}}
    return found


ERRORS = _problems(422, 503)
TABLE = _problems(422, 503, table=True)


def create_app(engine: Engine) -> FastAPI:
    """The service on that database. The engine is disposed of when the service ends."""

    probe = Probe(engine)
    _read_alone(engine)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await probe.close()
        engine.dispose()

    app = FastAPI(
        title="Milkbot analytics",
        version=release_id(),
        description="What Milkbot trades, wins and loses. Trades, results and forecasts are an hour behind. Money, "
        "prices, counts and rates are decimal text. Times are UTC.",
        # Its own pages load scripts from another host, and its own document has errors as application/json.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # A redirect would name an address without the proxy's prefix.
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.router.route_class = StrictRoute
    add_problem_handlers(app)
    add_metrics(app, engine)
    _describe(app)
    answers = _Answers(engine, AnswerCache(CACHE_SECONDS))

    @app.get("/v1/health", response_model=Health, responses={503: {"model": Health}, **_problems(422)})
    async def health() -> Response:
        """Whether the platform works: 503 without the database. Never kept by a cache."""
        found = await probe.check()
        return Response(
            found.model_dump_json(exclude_none=True),
            status_code=503 if found.status is Status.DOWN else 200,
            media_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    @app.get("/v1/status", response_model=PlatformStatus, responses=ERRORS)
    async def status(request: Request) -> Response:
        """What the trader may do and when it last worked, so that a client can say itself whether that is old."""
        return await answers.of(request, read_platform)

    @app.get("/v1/metrics/hero", response_model=Hero, responses=ERRORS)
    async def hero(request: Request) -> Response:
        """The figures at the top of the page."""
        return await answers.of(request, read_hero)

    _add_lists(app, answers)
    _add_results(app, answers)
    _add_scores(app, answers)

    @app.get("/v1/forecast/today", response_model=Today, responses=ERRORS)
    async def today(request: Request, city: City = "") -> Response:
        """The newest forecast of each event that is not over, next to the market."""
        return await answers.of(request, read_today, city or None)

    @app.get("/v1/dashboard/summary", response_model=Summary, responses=ERRORS)
    async def summary(request: Request, span: PageSpan = DEFAULT_SPAN, city: City = "") -> Response:
        """What the front page shows, in one answer."""
        return await answers.of(request, _read_summary, SPANS[span], city or None)

    return app


def _read_alone(engine: Engine) -> None:
    """No statement of ours is long enough for helpers: to start them takes longer, and they read ahead of a limit. Nor
    is any worth a plan for its values: that takes longer than to run it.

    Each read is one statement, or of what may be a moment apart: no transaction is worth its two round trips.
    """

    @event.listens_for(engine, "connect")
    def set_up(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.autocommit = True
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.execute("SET plan_cache_mode = force_generic_plan")


def _add_lists(app: FastAPI, answers: _Answers) -> None:
    """Lists that are read page by page."""

    @app.get("/v1/trades/recent", response_model=Trades, responses=TABLE)
    async def trades(
        request: Request,
        limit: Limit = 50,
        city: City = "",
        cursor: TradesCursorText = None,
        kind: TableFormat = None,
    ) -> Response:
        """Trades, newest first."""
        after = TradesCursor.parse(cursor) if cursor else None
        return await answers.table(request, "trades", kind, read_trades, limit, city or None, after)

    @app.get("/v1/markets/recent", response_model=Markets, responses=TABLE)
    async def markets(
        request: Request,
        limit: Limit = 50,
        city: City = "",
        cursor: MarketsCursorText = None,
        kind: TableFormat = None,
    ) -> Response:
        """Markets that were traded, each with all its trades folded, newest climate day first."""
        after = MarketsCursor.parse(cursor) if cursor else None
        return await answers.table(request, "markets", kind, read_markets, limit, city or None, after)

    @app.get("/v1/results/recent", response_model=Results, responses=TABLE)
    async def results(
        request: Request,
        limit: Limit = 50,
        city: City = "",
        cursor: MarketsCursorText = None,
        kind: TableFormat = None,
    ) -> Response:
        """How markets came out, held or not, with the official temperature, newest climate day first."""
        after = MarketsCursor.parse(cursor) if cursor else None
        return await answers.table(request, "results", kind, read_results, limit, city or None, after)


def _add_results(app: FastAPI, answers: _Answers) -> None:
    """Results by day, city and strategy."""

    @app.get("/v1/metrics/cities", response_model=Cities, responses=TABLE)
    async def by_city(request: Request, days: SummedDays = 90, kind: TableFormat = None) -> Response:
        """Results by city."""
        return await answers.table(request, "cities", kind, read_cities, days)

    @app.get("/v1/metrics/strategies", response_model=Strategies, responses=TABLE)
    async def by_strategy(request: Request, days: SummedDays = 90, kind: TableFormat = None) -> Response:
        """Results by strategy."""
        return await answers.table(request, "strategies", kind, read_strategies, days)

    @app.get("/v1/metrics/execution", response_model=Execution, responses=ERRORS)
    async def execution(request: Request, newest: NewestTrades = MOST_TRADES) -> Response:
        """How the newest trades were executed: fees, and the market's mid afterwards."""
        return await answers.of(request, read_execution, newest)

    @app.get("/v1/performance/equity", response_model=Equity, responses=TABLE)
    async def equity(request: Request, days: Days = 90, kind: TableFormat = None) -> Response:
        """The account by day, with at most as many points as a chart can show."""
        return await answers.table(request, "points", kind, read_equity, days)

    @app.get("/v1/performance/drawdown", response_model=Drawdown, responses=TABLE)
    async def drawdown(request: Request, days: Days = 90, kind: TableFormat = None) -> Response:
        """How far the account was below its highest value, by day, and the deepest of it."""
        return await answers.table(request, "points", kind, read_drawdown, days)

    @app.get("/v1/performance/daily", response_model=Daily, responses=TABLE)
    async def daily(request: Request, days: Days = 90, kind: TableFormat = None) -> Response:
        """What each day brought."""
        return await answers.table(request, "results", kind, read_daily, days)


def _add_scores(app: FastAPI, answers: _Answers) -> None:
    """What forecasts were worth."""

    @app.get("/v1/forecast/skill", response_model=Skill, responses=TABLE)
    async def skill(request: Request, days: ScoredDays = 90, kind: TableFormat = None) -> Response:
        """Scores of every forecaster, next to the market's."""
        return await answers.table(request, "forecasters", kind, list_skill, days)

    @app.get("/v1/forecast/reliability", response_model=Reliability, responses=TABLE)
    async def reliability(
        request: Request, days: ScoredDays = 90, lead: ScoredLead = EVIDENCE_LEAD, kind: TableFormat = None
    ) -> Response:
        """What every forecaster, and the market, said against what happened: the calibration curve."""
        return await answers.table(request, "bins", kind, read_reliability, days, lead)


def _describe(app: FastAPI) -> None:
    """The document of these routes and its page: both kept for long, for they change with a release alone."""
    kept = AnswerCache(DESCRIPTION_SECONDS)
    document = cache(partial(description.openapi, app))
    app.openapi = document  # type: ignore[method-assign] # FastAPI documents it as the way

    @app.get("/v1/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        return await kept.answer(request, "openapi", lambda: json.dumps(document()).encode(), JSON)

    @app.get("/v1/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        answer = await kept.answer(request, "docs", lambda: description.page(document()), "text/html; charset=utf-8")
        answer.headers["Content-Security-Policy"] = description.POLICY
        return answer


def _read_summary(engine: Engine, days: int, city: str | None) -> Joined:
    """The answers of five routes, read one after the other."""
    with reading(engine) as connection:
        return Joined(
            {
                "status": read_platform(connection),
                "hero": read_hero(connection),
                "equity": read_equity(connection, days),
                "today": read_today(connection, city),
                "trades": read_trades(connection, SUMMARY_TRADES, city),
            }
        )


_Reader = Callable[..., Readable]
_JoinedReader = Callable[..., Readable | Joined]
"""What reads an answer from the engine or connection that it is given first."""


class _Answers:
    """Answers from the database by way of the cache, as JSON or as a table. What is read is their key."""

    def __init__(self, engine: Engine, kept: AnswerCache) -> None:
        self._engine = engine
        self._kept = kept

    async def of(self, request: Request, read: _JoinedReader, *asked: Hashable) -> Response:
        """The answer of that reader to what is asked, as JSON."""
        return await self._kept.answer(request, (read, *asked), partial(self._written, read, *asked), JSON)

    async def table(
        self, request: Request, rows: str, kind: Format | None, read: _Reader, *asked: Hashable
    ) -> Response:
        """The same, or its list `rows` as CSV where the request wants that."""
        if tables.is_wanted(request, kind):
            key, written = (Format.CSV, read, *asked), partial(self._table, rows, read, *asked)
            found = await self._kept.answer(request, key, written, tables.MEDIA_TYPE)
        else:
            found = await self.of(request, read, *asked)
        found.headers["Vary"] = "Accept"
        return found

    def _written(self, read: _JoinedReader, *asked: Hashable) -> bytes:
        return as_json(read(self._engine, *asked))

    def _table(self, rows: str, read: _Reader, *asked: Hashable) -> bytes:
        return tables.of(read(self._engine, *asked), rows)
