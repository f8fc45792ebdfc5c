"""The statements of the rollups, and the reads of the API, which are all that the dashboard shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal

from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session

from milkbot.analytics import daily_metrics, equity, forecast_scores, hero, markouts, metrics, rebuild, rollups, touched
from milkbot.analytics.service import (
    curve_queries,
    figure_queries,
    market_queries,
    queries,
    result_queries,
    skill_queries,
)
from milkbot.analytics.service.cursors import MarketsCursor, TradesCursor
from milkbot.domain.cities import Extreme, cities
from milkbot.smoke.checks import Checks
from milkbot.smoke.sample import Sample
from milkbot.smoke.trader import STRATEGY

API_ROLE = "milkbot_api"
_BANKROLL = Decimal(1000)
_RELATION = re.compile(r"\b(?:ops|analytics)\.\w+")
_MAY_READ = text(
    "SELECT has_schema_privilege(:role, split_part(:name, '.', 1), 'USAGE') "
    "AND has_table_privilege(:role, :name, 'SELECT')"
)


def run_rollups(check: Checks, sample: Sample) -> None:
    """Compute the sample's buckets: with its facts they have rows, without they are empty.

    The lock that keeps two runs of the rollups apart is not taken: nobody shall wait for it because of this.
    """
    session = check.session
    city = touched.Bucket(sample.mode, touched.Kind.CITY, sample.name, sample.day)
    strategy = touched.Bucket(sample.mode, touched.Kind.STRATEGY, STRATEGY, sample.day)
    check(touched.take_touched, session)
    check(daily_metrics.compute_buckets, session, [city, strategy])
    check(equity.compute_equity, session, sample.mode, [sample.day], _BANKROLL)
    check(markouts.record_markouts, session)
    _rebuild(check, sample)
    _score(check, sample)
    check(hero.store_figures, session)
    check(rollups.copy_health, session)
    check(metrics.read_state, session)


def _rebuild(check: Checks, sample: Sample) -> None:
    """What a rebuild does for the sample's day."""
    session, mode, day = check.session, sample.mode, sample.day
    check(rebuild.chunks, session, day, day)
    check(daily_metrics.compute_days, session, mode, day, day)
    check(forecast_scores.score_days, session, mode, day, day)
    check(forecast_scores.judge_all, session, mode)
    for add_up in (hero.count_again, daily_metrics.sum_months, equity.fill_runs, forecast_scores.sum_scores):
        check(add_up, session, mode)
    check(rebuild.read_mark, session, day, day)
    check(rebuild.set_mark, session, rebuild.Chunk(mode, day, day), sample.now, day, day)
    check(rebuild.end, session)


def _score(check: Checks, sample: Sample) -> None:
    """Score an event of a forecaster that nobody has."""
    session = check.session
    forecaster = forecast_scores.Identity(sample.name, "1", "0" * 12)
    scored = {
        "trading_mode": sample.mode,
        "climate_day": sample.day,
        "event_ticker": sample.event,
        "lead": forecast_scores.EVIDENCE_LEAD,
        "chances": [0.5, 0.5],
        "market_chances": [0.5, 0.5],
        "winner": 0,
        "city_code": sample.name,
        **asdict(forecaster),
        "as_of": sample.happened,
        **dict.fromkeys(("brier", "log", "rps", "market_brier", "market_log", "market_rps"), 0.5),
        **dict.fromkeys(("gain", "least", "most"), 0.0),
    }
    check(forecast_scores.score_new, session, [sample.mode])
    check(forecast_scores.nearest, session, sample.mode, sample.day, sample.now, [sample.event])
    check(forecast_scores.save, session, [scored])
    check(forecast_scores.judge, session, sample.mode, forecaster)


def run_api(check: Checks, sample: Sample) -> None:
    """Read what the API reads, and ask whether its role may: its user alone comes in as that role."""
    connection, lead = check.session.connection(), forecast_scores.EVIDENCE_LEAD
    with _relations(connection) as relations:
        check(queries.read_status, connection)
        check(queries.read_hero, connection)
        check(queries.read_platform, connection)
        for city in (None, sample.name):
            check.named("read_trades", lambda city: _shown(queries.read_trades(connection, 1, city).rows), city)
            check.named(
                "read_markets", lambda city: _shown(market_queries.read_markets(connection, 1, city).rows), city
            )
        check(queries.read_trades, connection, 1, None, TradesCursor(sample.now, 0))
        check(market_queries.read_markets, connection, 1, None, MarketsCursor(sample.day, sample.ticker))
        results = result_queries.read_results
        check.named("read_results", lambda: _shown(results(connection, 1, None).rows))
        check(results, connection, 1, None, MarketsCursor(sample.day, sample.ticker))
        # The sample's city has no series: a city of the table is asked for, which may have no result.
        check(results, connection, 1, cities()[0].code)
        newest = market_queries.newest_forecasts
        check.named(
            "newest_forecasts", lambda: _shown(newest(connection, sample.mode, [(sample.event, Extreme.HIGH)])[0])
        )
        check(market_queries.read_today, connection, None)
        _figures(check, connection)
        check.named("read_skill", lambda: _shown(skill_queries.read_skill(connection, 90).forecasters))
        check.named("list_skill", lambda: _shown(skill_queries.list_skill(connection, 90).rows))
        check.named("read_reliability", lambda: _shown(skill_queries.read_reliability(connection, 90, lead).bins))
    for name in sorted(relations):
        check.named(f"{API_ROLE} reads {name}", _may_read, check.session, name)


def _figures(check: Checks, connection: Connection) -> None:
    """Cities are those of the table, and the sample's is none of them."""
    check(figure_queries.read_cities, connection, 90)
    check.named("read_strategies", lambda: _shown(figure_queries.read_strategies(connection, 90).strategies))
    check(figure_queries.read_execution, connection, 1)
    for read in (curve_queries.read_equity, curve_queries.read_drawdown, curve_queries.read_daily):
        check.named(read.__name__, lambda read: _shown(read(connection, 90).rows), read)


def _shown(rows: Sequence[object]) -> None:
    if not rows:
        raise LookupError("what was written a moment ago is not shown")


def _may_read(session: Session, name: str) -> None:
    if not session.scalar(_MAY_READ, {"role": API_ROLE, "name": name}):
        raise PermissionError(f"permission denied: {API_ROLE} may not read {name}")


@contextmanager
def _relations(connection: Connection) -> Iterator[set[str]]:
    """The tables and views that the block's statements name."""
    found: set[str] = set()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.update(_RELATION.findall(statement))

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(connection, "before_cursor_execute", note)
