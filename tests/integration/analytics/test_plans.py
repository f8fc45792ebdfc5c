"""No public request makes the database work hard: each statement of each route, for the values that are worst for it.

The ledger has 100,000 trades of 200 days (`--all`: also ten million of ten years), the results of 3,000 days, and three
cities that a planner misjudges: one that was traded until 64 days ago as much as any other, one that was traded once,
and one that never was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg.errors import Diagnostic
from sqlalchemy import Engine, create_engine, event, text
from tests.postgres import Cluster, TestDatabase

from milkbot.analytics.service import application
from milkbot.analytics.service.application import create_app
from milkbot.db.scratch import address
from milkbot.domain.cities import all_series
from milkbot.domain.cities import cities as all_cities

CODES = [city.code for city in all_cities()]
ABANDONED, ONCE, NEVER = CODES[1], CODES[2], CODES[3]
LEDGERS = [
    {"fills": 100_000, "days": 200, "brackets": 3},
    pytest.param({"fills": 10_000_000, "days": 3_650, "brackets": 12}, marks=pytest.mark.matrix),
]
RESULT_DAYS, BRACKETS = 3_000, 3
LARGE = {"fills", "signals", "market_snapshots", "forecasts", "positions", "settlements", "ticks", "weather_snapshots"}
LARGE |= {"market_results", "orders", "fill_markouts", "city_metrics_daily", "strategy_metrics_daily"}
LARGE |= {"equity_curve_daily", "forecast_scores", "forecast_skill", "forecast_reliability"}

# A market is a city's bracket of a day, and has some eight trades in each ledger.
FILL_UP = f"""
CREATE TEMP TABLE traded AS
SELECT code, series, day, event, event || '-B' || (50 + 2 * bracket) || '.5' AS ticker, bracket
FROM unnest(CAST(:codes AS text[]), CAST(:series AS text[])) AS city (code, series)
CROSS JOIN generate_series(0, CAST(:days AS int) - 1) AS ago
CROSS JOIN LATERAL (SELECT CAST(now() AT TIME ZONE 'UTC' AS date) - ago AS day) AS dated
CROSS JOIN LATERAL (SELECT series || '-' || upper(to_char(day, 'YYMONDD')) AS event) AS named
CROSS JOIN generate_series(0, CAST(:brackets AS int) - 1) AS bracket
WHERE code <> '{NEVER}' AND (code <> '{ABANDONED}' OR ago >= 64) AND (code <> '{ONCE}' OR (ago = 100 AND bracket = 0));
SET LOCAL session_replication_role = replica;
INSERT INTO ops.ticks (trading_mode, started_at, finished_at, outcome, release, config_hash)
SELECT 'demo', at, at, 'completed', 'dev', 'x'
    FROM generate_series(now() - interval '1 day' * CAST(:days AS int), now(), '30 minutes') AS at;
INSERT INTO ops.fills (trading_mode, order_id, venue_fill_id, venue_order_id, ticker, event_ticker, city_code,
    climate_day, side, count, price, fee, realized_pnl, is_taker, filled_at, recorded_at)
SELECT 'demo', row_number() OVER (ORDER BY at), ticker || number, ticker || number, ticker, event, code, day, 'bid', 10,
    0.4, 0.1, 0, true, at, at
FROM (SELECT *, CAST(:fills AS int) / CAST(count(*) OVER () AS int) AS each FROM traded) AS traded
CROSS JOIN generate_series(1, each) AS number
CROSS JOIN LATERAL (
    SELECT CAST(day AS timestamptz) + number * interval '1 day' / each - interval '26 hours'
        - hashtext(ticker) % 50 * interval '1 minute' AS at) AS timed
ORDER BY at;
INSERT INTO ops.orders (trading_mode, client_order_id, venue_order_id, ticker, event_ticker, city_code, climate_day,
    strategy_name, side, price, count, time_in_force, exchange_index, attempt, state, created_at, updated_at)
SELECT trading_mode, venue_order_id, venue_order_id, ticker, event_ticker, city_code, climate_day, 'normal', side,
    price,
    count, 'good_till_canceled', 0, 1, 'filled', filled_at, filled_at FROM ops.fills ORDER BY id;
INSERT INTO ops.fill_markouts (horizon_min, fill_id, mid, markout, recorded_at)
SELECT horizon, id, 0.5, 0.1, filled_at FROM ops.fills CROSS JOIN unnest(ARRAY[5, 30]) AS horizon;
INSERT INTO ops.positions (trading_mode, ticker, event_ticker, city_code, climate_day, signed_count, cost, fees,
    realized_pnl, is_closed, opened_at, updated_at)
SELECT 'demo', ticker, event, code, day, 40, 16, 0.4, 0, day < now() - interval '2 days', day, day FROM traded;
INSERT INTO ops.settlements (trading_mode, ticker, event_ticker, city_code, climate_day, result, yes_value,
    signed_count,
    cost, revenue, realized_pnl, settled_at, recorded_at)
SELECT 'demo', ticker, event, code, day, 'no', 0, 40, 16, 0, -16, day + 1, day + 1 FROM traded
WHERE day < now() - interval '2 days';
INSERT INTO ops.market_results (trading_mode, ticker, event_ticker, climate_day, result, expiration_value, settled_at,
    recorded_at)
SELECT 'demo', event || '-B' || (50 + 2 * bracket) || '.5', event, day, 'no', '60.00', day + 1, day + 1
FROM unnest(CAST(:series AS text[])) AS of (series)
CROSS JOIN generate_series(0, {RESULT_DAYS - 1}) AS ago
CROSS JOIN LATERAL (SELECT CAST(now() AT TIME ZONE 'UTC' AS date) - ago AS day) AS dated
CROSS JOIN LATERAL (SELECT series || '-' || upper(to_char(day, 'YYMONDD')) AS event) AS named
CROSS JOIN generate_series(0, {BRACKETS - 1}) AS bracket;
INSERT INTO ops.market_snapshots (trading_mode, tick_id, ticker, event_ticker, city_code, captured_at, status,
    strike_type, floor_strike, cap_strike, close_time, yes_bid, yes_ask)
SELECT 'demo', 1, ticker, event, code, day + number * interval '50 minutes', 'active', 'between', 50 + 2 * bracket,
    51 + 2 * bracket, day + 1, 0.3, 0.4
FROM traded CROSS JOIN generate_series(0, 5) AS number ORDER BY day;
INSERT INTO ops.signals (trading_mode, tick_id, ticker, event_ticker, city_code, climate_day, strategy_name, decision,
    count, reasons, created_at)
SELECT 'demo', tick.id, ticker, event, code, day, 'normal', 'none', 0, '{{}}', tick.started_at
FROM traded JOIN LATERAL (SELECT id, started_at FROM ops.ticks
    WHERE trading_mode = 'demo' AND started_at >= day AND started_at < day + 1
    ORDER BY started_at LIMIT 8) AS tick ON true;
INSERT INTO ops.weather_snapshots (trading_mode, tick_id, city_code, climate_day, captured_at, source)
SELECT DISTINCT 'demo', 1, code, day, CAST(day AS timestamptz), 'NWS' FROM traded;
INSERT INTO ops.forecasts (trading_mode, tick_id, event_ticker, climate_day, forecaster, is_live, version,
    parameters_hash, as_of, lead_s, probabilities, elapsed_ms, weather_snapshot_id, market_snapshot_ids)
SELECT 'demo', tick.id, seen.event_ticker, seen.day, 'normal', true, '1', 'x', tick.started_at, 1,
    array_fill(0.1::float8, ARRAY[cardinality(seen.ids)]), 1, 1, seen.ids
FROM (SELECT event_ticker, CAST(close_time AS date) - 1 AS day, (array_agg(id ORDER BY id))[1:{BRACKETS}] AS ids
      FROM ops.market_snapshots GROUP BY event_ticker, close_time) AS seen
JOIN ops.ticks AS tick ON tick.started_at >= seen.day AND tick.started_at < seen.day + 1
WHERE seen.day > now() - interval '20 days';
SET LOCAL session_replication_role = origin;
INSERT INTO analytics.city_metrics_daily SELECT 'demo', code, CAST(now() AS date) - ago, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    now()
FROM unnest(CAST(:codes AS text[])) AS city (code) CROSS JOIN generate_series(0, 3649) AS ago;
INSERT INTO analytics.strategy_metrics_daily SELECT 'demo', 'strategy ' || number, CAST(now() AS date) - ago, 1, 1, 1,
    1,
    1, 1, 1, 1, now() FROM generate_series(1, 5) AS number CROSS JOIN generate_series(0, 3649) AS ago;
INSERT INTO analytics.forecast_scores (trading_mode, climate_day, event_ticker, lead, forecaster, version,
    parameters_hash, as_of, brier, log, rps, market_brier, market_log, market_rps, gain, least, most, computed_at,
    chances, market_chances, winner, city_code)
SELECT 'demo', CAST(now() AS date) - ago, series || ago, lead, 'normal', '1', 'x', now() - interval '1 day' * ago,
    0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0, 0, 0, now(), ARRAY[0.05, 0.15, 0.25, 0.55], ARRAY[0.35, 0.2, 0.4, 0.05], 2, code
FROM unnest(CAST(:codes AS text[]), CAST(:series AS text[])) AS city (code, series)
CROSS JOIN generate_series(1, 420) AS ago CROSS JOIN unnest(ARRAY['prev18', 'day07', 'day10', 'day13']) AS lead;
INSERT INTO analytics.equity_curve_daily SELECT 'demo', CAST(now() AS date) - ago, 1, 1, 1, 1, 1, 1, 1, now()
FROM generate_series(0, 3649) AS ago
"""

# Each statement is explained to who asks it as it was run.
EXPLAINED = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}
OFTEN = 12

# A page of 100 trades is 101 rows of fills, each with its settlement, markouts and strike.
PATHS = {
    "/v1/health": 100,
    "/v1/status": 100,
    "/v1/metrics/hero": 100,
    # A month of days and 120 months of each.
    "/v1/metrics/cities?days=3650": 3_700,
    "/v1/metrics/strategies?days=3650": 800,
    "/v1/metrics/execution?newest=200": 600,
    # Four days of each of 91 runs.
    "/v1/performance/equity?days=3650": 400,
    "/v1/performance/drawdown?days=3650": 400,
    "/v1/performance/daily?days=3650": 150,
    "/v1/performance/equity?days=366": 400,
    "/v1/forecast/today": 1_000,
    f"/v1/forecast/today?city={ABANDONED}": 1_000,
    # A month of days and 13 months of each forecaster, of which there is one: in every city, in every tenth.
    "/v1/forecast/skill?days=400": 900,
    "/v1/forecast/reliability?days=400": 450,
    "/v1/dashboard/summary?span=year": 1_000,
    "/v1/trades/recent?limit=1": 250,
    "/v1/trades/recent?limit=100": 250,
    **{f"/v1/trades/recent?limit=100&city={city}": 250 for city in CODES[:6]},
    "/v1/trades/recent?limit=100&cursor=20300101T0000-9999": 11_000,
    f"/v1/trades/recent?limit=100&city={CODES[0]}&cursor=20200101T0000-0": 250,
    "/v1/markets/recent?limit=100": 1_300,
    **{f"/v1/markets/recent?limit=100&city={city}": 1_300 for city in CODES[:6]},
    # Half of two lists of a city, and one day more than the page of all cities.
    "/v1/results/recent?limit=1": 450,
    "/v1/results/recent?limit=100": 450,
    **{f"/v1/results/recent?limit=100&city={city}": 450 for city in CODES[:6]},
    f"/v1/results/recent?limit=100&cursor=20200101-{all_series()[0].ticker}-20JAN01-B50.5": 450,
    f"/v1/results/recent?limit=100&city={CODES[0]}&cursor=20300101-{all_series()[0].ticker}-30JAN01-B50.5": 450,
    f"/v1/markets/recent?limit=100&cursor=20200101-{all_series()[0].ticker}-20JAN01-B50.5": 1_300,
}
"""The worst values of each route, and the most rows that any step of a plan may touch."""


@pytest.fixture(scope="module", params=LEDGERS, ids=lambda ledger: f"{ledger['fills']} trades")
def filled(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A database with a long past, and so many trades."""
    high = {series.city.code: series.ticker for series in reversed(all_series())}
    with cluster.database() as database:
        owner = create_engine(address(database.socket_directory, database.name, "postgres").url())
        with owner.begin() as connection:
            for statement in FILL_UP.split(";\n"):
                given = {"codes": list(high), "series": list(high.values()), **request.param}
                connection.execute(text(statement), {name: given[name] for name in given if f":{name}" in statement})
        with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        owner.dispose()
        with cluster.admin.connect() as connection:
            for name, value in EXPLAINED.items():
                connection.execute(text(f"ALTER DATABASE {database.name} SET {name} = '{value}'"))
        yield database


@dataclass(frozen=True, slots=True)
class Ran:
    """A statement that the server ran, and the plan by which it did."""

    statement: str
    plan: Mapping[str, Any]


@contextmanager
def _statements() -> Iterator[list[Ran]]:
    """What the service's role asks, each with the plan that was used: the server itself says it."""
    found: list[Ran] = []

    def note(said: Diagnostic) -> None:
        whole = json.loads(str(said.message_primary).partition("plan:")[2])
        found.append(Ran(whole["Query Text"], whole["Plan"]))

    def listen(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.add_notice_handler(note)

    event.listen(Engine, "connect", listen)
    try:
        yield found
    finally:
        event.remove(Engine, "connect", listen)


def _steps(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _steps(part)


def _touched(step: Mapping[str, Any]) -> float:
    """The rows that a step read, all its loops together: those that it gave, and those that it dropped."""
    dropped = sum(step.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
    return float(step["Actual Loops"] * (step["Actual Rows"] + dropped))


@pytest.mark.parametrize("path", PATHS)
def test_every_statement_is_a_short_walk_along_an_index(
    filled: TestDatabase, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(application, "CACHE_SECONDS", 0)
    with _statements() as ran, TestClient(create_app(filled.engine("milkbot_api"))) as client:
        # A statement that is asked often is planned once for all values.
        for _ in range(OFTEN):
            assert client.get(path).status_code == 200
    shown = [one for one in ran if "analytics." in one.statement]
    assert len(shown) >= OFTEN
    for one in shown:
        for step in _steps(one.plan):
            scanned = step["Node Type"] == "Seq Scan" and step["Relation Name"] in LARGE
            assert not scanned, f"{one.statement}\nreads all of {step.get('Relation Name')}"
            assert _touched(step) <= PATHS[path], f"{one.statement}\n{step}"


def test_a_forecast_is_read_without_the_decisions_that_followed_it(
    filled: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "CACHE_SECONDS", 0)
    with _statements() as ran, TestClient(create_app(filled.engine("milkbot_api"))) as client:
        assert client.get("/v1/forecast/today").json()["events"] != []
    read = {step.get("Relation Name") for one in ran for step in _steps(one.plan)}
    assert "forecasts" in read
    assert "signals" not in read


def test_the_worst_values_of_every_route_are_tried(filled: TestDatabase) -> None:
    routes = create_app(filled.engine("milkbot_api")).openapi()["paths"]
    assert {path.partition("?")[0] for path in PATHS} == routes.keys()


def test_a_city_that_was_not_traded_for_months_has_its_trades(
    filled: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "CACHE_SECONDS", 0)
    with TestClient(create_app(filled.engine("milkbot_api"))) as client:
        rows = {
            city: len(client.get(f"/v1/trades/recent?limit=100&city={city}").json()["trades"])
            for city in (ABANDONED, ONCE, NEVER)
        }
    assert rows[ABANDONED] == 100
    assert 0 < rows[ONCE] < 20
    assert rows[NEVER] == 0
