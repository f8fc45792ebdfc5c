"""The routes. Paths are relative to wherever a proxy mounts the service; it is `/api/` under nginx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from sqlalchemy import Engine

from milkbot.analytics.service.cache import AnswerCache
from milkbot.analytics.service.cursors import MARKETS_PATTERN, TRADES_PATTERN, MarketsCursor, TradesCursor
from milkbot.analytics.service.health import Probe
from milkbot.analytics.service.market_queries import read_markets, read_today
from milkbot.analytics.service.market_schemas import Markets, Today
from milkbot.analytics.service.metrics import add_metrics
from milkbot.analytics.service.problems import MEDIA_TYPE, add_problem_handlers
from milkbot.analytics.service.queries import read_equity, read_hero, read_skill, read_trades
from milkbot.analytics.service.schemas import Equity, Health, Hero, Problem, Skill, Status, Trades
from milkbot.domain.cities import cities
from milkbot.release import release_id

CACHE_SECONDS = 5


def _known_city(code: str) -> str:
    known = [city.code for city in cities()]
    if code and code not in known:
        raise ValueError(f"not a city that is traded; use one of {', '.join(known)}, or leave it empty for all")
    return code


def _cursor(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


_PAGE = "where the next page begins: `next_cursor` of the page before"
Limit = Annotated[int, Query(ge=1, le=500)]
City = Annotated[
    str,
    BeforeValidator(lambda code: str(code).upper()),
    AfterValidator(_known_city),
    WithJsonSchema({"type": "string", "enum": ["", *(city.code for city in cities())]}),
    Query(description="the code of a city; all cities when it is empty"),
]
TradesCursorText = Annotated[str, Query(description=_PAGE, pattern=TRADES_PATTERN), _cursor(TradesCursor.parse)]
MarketsCursorText = Annotated[
    str, Query(description=_PAGE, pattern=MARKETS_PATTERN, max_length=60), _cursor(MarketsCursor.parse)
]
Days = Annotated[int, Query(ge=1, le=3650)]
ScoredDays = Annotated[int, Query(ge=1, le=400)]


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem, "content": {MEDIA_TYPE: {}}} for status in statuses}


def create_app(engine: Engine) -> FastAPI:
    """The service on that database. The engine is disposed of when the service ends."""

    probe = Probe(engine)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        probe.dispose()
        engine.dispose()

    app = FastAPI(
        title="Milkbot analytics",
        version=release_id(),
        openapi_url="/v1/openapi.json",
        # Their pages load scripts from another host.
        docs_url=None,
        redoc_url=None,
        # A redirect would name an address without the proxy's prefix.
        redirect_slashes=False,
        lifespan=lifespan,
    )
    add_problem_handlers(app)
    add_metrics(app, engine)
    cache = AnswerCache(CACHE_SECONDS)

    @app.get("/v1/health", response_model=Health, responses={503: {"model": Health}})
    async def health() -> Response:
        found = await probe.check()
        return Response(
            found.model_dump_json(exclude_none=True),
            status_code=503 if found.status is Status.DOWN else 200,
            media_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    @app.get("/v1/metrics/hero", response_model=Hero, responses=_problems(503))
    async def hero(request: Request) -> Response:
        return await cache.answer(request, "hero", partial(read_hero, engine))

    @app.get("/v1/trades/recent", response_model=Trades, responses=_problems(422, 503))
    async def trades(
        request: Request, limit: Limit = 50, city: City = "", cursor: TradesCursorText | None = None
    ) -> Response:
        after = TradesCursor.parse(cursor) if cursor else None
        read = partial(read_trades, engine, limit, city or None, after)
        return await cache.answer(request, f"trades {limit} {city} {after}", read)

    @app.get("/v1/markets/recent", response_model=Markets, responses=_problems(422, 503))
    async def markets(
        request: Request, limit: Limit = 50, city: City = "", cursor: MarketsCursorText | None = None
    ) -> Response:
        after = MarketsCursor.parse(cursor) if cursor else None
        read = partial(read_markets, engine, limit, city or None, after)
        return await cache.answer(request, f"markets {limit} {city} {after}", read)

    @app.get("/v1/forecast/today", response_model=Today, responses=_problems(422, 503))
    async def today(request: Request, city: City = "") -> Response:
        return await cache.answer(request, f"today {city}", partial(read_today, engine, city or None))

    @app.get("/v1/performance/equity", response_model=Equity, responses=_problems(422, 503))
    async def equity(request: Request, days: Days = 90) -> Response:
        return await cache.answer(request, f"equity {days}", partial(read_equity, engine, days))

    @app.get("/v1/forecast/skill", response_model=Skill, responses=_problems(422, 503))
    async def skill(request: Request, days: ScoredDays = 90) -> Response:
        return await cache.answer(request, f"skill {days}", partial(read_skill, engine, days))

    return app
