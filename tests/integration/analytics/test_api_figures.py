"""Status, results by day, city and strategy, and the forms in which an answer comes."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import text
from tests.facts import STRATEGY, Facts, hours_ago, market
from tests.postgres import TestDatabase

from milkbot.analytics.rollups import run_rollups
from milkbot.analytics.service.figure_schemas import Daily, Drawdown, Summary
from milkbot.analytics.service.market_schemas import Markets
from milkbot.analytics.service.schemas import Equity, Trades
from milkbot.db import state
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide
from milkbot.domain.trading_state import TradingState


@pytest.fixture
def facts(database: TestDatabase) -> Facts:
    """A writer of demo facts, of a trader that has ticked."""
    facts = Facts(database.engine())
    facts.tick(hours_ago(0.1), finished=hours_ago(0.1), outcome="completed")
    return facts


def _yesterday() -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date()


def _traded(database: TestDatabase, facts: Facts) -> None:
    """New York won 5.83, Chicago lost 4.17."""
    for city, yes in (("NYC", True), ("CHI", False)):
        facts.fill(market(city, _yesterday()), hours_ago(30))
        facts.settle(market(city, _yesterday()), hours_ago(3), yes=yes)
    facts.signal("NYC", _yesterday(), hours_ago(30), edge="0.05", count=10)
    run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal(1000))


def _curve(database: TestDatabase, days: int) -> None:
    """So many days of an account that rises by a dollar a day and once falls by 500 for a single day."""
    rows = """
        INSERT INTO analytics.equity_curve_daily (trading_mode, date, starting_equity, ending_equity, daily_pnl,
            cumulative_pnl, drawdown, drawdown_pct, high_water_mark, computed_at)
        SELECT 'demo', CAST(now() AT TIME ZONE 'UTC' AS date) - (:days - n), 1000,
            1000 + n - CASE WHEN n = 777 THEN 500 ELSE 0 END, 1, n,
            CASE WHEN n = 777 THEN 500 ELSE 0 END, CASE WHEN n = 777 THEN 30 ELSE 0 END, 1000 + n, now()
        FROM generate_series(1, :days) AS day (n)
    """
    with database.engine().begin() as connection:
        connection.execute(text(rows), {"days": days})


@pytest.mark.usefixtures("facts")
def test_status_says_when_the_trader_last_worked_and_why_it_does_not_trade(
    client: TestClient, database: TestDatabase
) -> None:
    before = client.get("/v1/status").json()
    assert (before["mode"], before["trading_state"], before["trading_state_code"]) == ("demo", "active", None)
    assert datetime.now(UTC) - datetime.fromisoformat(before["last_tick_finished"]) < timedelta(minutes=8)
    with transaction(database.engine()) as session:
        state.set_state(
            session,
            mode=TradingMode.DEMO,
            state=TradingState.HALTED,
            reason="my keys are with bob",
            set_by="alice",
            since=hours_ago(0.5),
        )
    halted = client.get("/v1/status")
    shown = halted.json()
    assert (shown["trading_state"], shown["trading_state_code"]) == ("halted", "operator")
    assert datetime.fromisoformat(shown["trading_state_since"]).second == 0
    assert "alice" not in halted.text
    assert "bob" not in halted.text


@pytest.mark.usefixtures("facts")
def test_a_state_whose_time_has_passed_is_active_without_a_reason(client: TestClient, database: TestDatabase) -> None:
    with transaction(database.engine()) as session:
        state.set_state(
            session,
            mode=TradingMode.DEMO,
            state=TradingState.REDUCING,
            reason="blind",
            set_by="breaker blind",
            since=hours_ago(2),
            until=hours_ago(1),
        )
    shown = client.get("/v1/status").json()
    assert [shown[name] for name in ("trading_state", "trading_state_code", "trading_state_until")] == [
        "active",
        None,
        None,
    ]


def test_results_by_city_and_strategy_add_up_to_the_hero_figures(
    client: TestClient, database: TestDatabase, facts: Facts
) -> None:
    _traded(database, facts)
    cities = client.get("/v1/metrics/cities?days=7").json()["cities"]
    assert [(row["city_code"], row["net_pnl"], row["win_rate"]) for row in cities] == [
        ("NYC", "5.83", "1.00"),
        ("CHI", "-4.17", "0.00"),
    ]
    (strategy,) = client.get("/v1/metrics/strategies?days=7").json()["strategies"]
    assert (strategy["strategy_name"], strategy["net_pnl"], strategy["signals"]) == (STRATEGY, "1.66", 1)
    assert client.get("/v1/metrics/hero").json()["total_pnl"] == "1.66"
    assert client.get("/v1/metrics/cities?days=1").json()["cities"] == []


def test_execution_is_of_the_newest_trades_weighted_by_contracts(
    client: TestClient, database: TestDatabase, facts: Facts
) -> None:
    empty = client.get("/v1/metrics/execution").json()
    assert (empty["trades"], empty["fee_per_contract"]) == (0, None)
    ticker = market("NYC", _yesterday())
    facts.fill(ticker, hours_ago(9), count="99")
    facts.fill(ticker, hours_ago(5), count="30", price="0.40", fee="0.30")
    facts.snapshot(ticker, hours_ago(5) + timedelta(minutes=5), "0.42", "0.44")
    facts.fill(ticker, hours_ago(3), count="10", price="0.40", fee="0.10", side=BookSide.ASK, reduce_only=True)
    facts.snapshot(ticker, hours_ago(3) + timedelta(minutes=5), "0.42", "0.44")
    run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal(1000))
    found = client.get("/v1/metrics/execution?newest=2").json()
    assert [found[name] for name in ("trades", "buys", "sales", "contracts", "fees", "fee_per_contract")] == [
        2,
        1,
        1,
        "40.00",
        "0.40",
        "0.01",
    ]
    # 30 contracts gained 3 cents each, 10 that were sold lost them.
    assert (found["markout_5m"], found["markouts_known"]) == ("0.015", 2)


@pytest.mark.usefixtures("facts")
def test_a_long_curve_keeps_its_first_and_last_day_its_extremes_and_its_deepest_fall(
    client: TestClient, database: TestDatabase
) -> None:
    _curve(database, 3000)
    points = client.get("/v1/performance/equity?days=3650").json()["points"]
    assert len(points) <= 365
    values = [Decimal(point["ending_equity"]) for point in points]
    assert (values[0], values[-1], max(values)) == (Decimal(1001), Decimal(4000), Decimal(4000))
    assert Decimal(1277) in values
    drawdown = client.get("/v1/performance/drawdown?days=3650").json()
    assert drawdown["worst"]["drawdown"] == "500.00"
    assert len(drawdown["points"]) == len(points)


@pytest.mark.usefixtures("facts")
def test_a_curve_that_a_chart_can_show_keeps_every_day(client: TestClient, database: TestDatabase) -> None:
    _curve(database, 366)
    assert len(client.get("/v1/performance/equity?days=366").json()["points"]) == 366
    assert len(client.get("/v1/performance/daily?days=366").json()["results"]) == 366


@pytest.mark.usefixtures("facts")
def test_results_of_a_long_span_are_summed_without_losing_a_day(client: TestClient, database: TestDatabase) -> None:
    _curve(database, 1000)
    results = client.get("/v1/performance/daily?days=1000").json()["results"]
    assert 45 <= len(results) <= 91
    assert sum(Decimal(row["pnl"]) for row in results) == 1000
    following = [date.fromisoformat(row["last_date"]) + timedelta(days=1) for row in results[:-1]]
    assert [date.fromisoformat(row["date"]) for row in results[1:]] == following


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("days", [1, 366, 367, 720, 721, 1440, 1441, 2880, 2881, 3650])
def test_a_curve_of_any_span_keeps_what_a_read_of_every_day_finds(
    client: TestClient, database: TestDatabase, days: int
) -> None:
    """A saw-tooth: each day is extreme for some span that begins with it."""
    rows = """
        INSERT INTO analytics.equity_curve_daily (trading_mode, date, starting_equity, ending_equity, daily_pnl,
            cumulative_pnl, drawdown, drawdown_pct, high_water_mark, computed_at)
        SELECT 'demo', CAST(now() AT TIME ZONE 'UTC' AS date) - n, 1000, 1000 + (n * 7919) % 997, n, 0,
            0, ((n * 104729) % 991) / 10.0, 0, now()
        FROM generate_series(0, 3700) AS day (n) WHERE n % 11 <> 3
    """
    with database.engine().begin() as connection:
        connection.execute(text(rows))
        whole = connection.execute(
            text(
                "SELECT date, ending_equity, drawdown_pct, daily_pnl FROM analytics.equity_curve_daily "
                "WHERE date > CAST(now() AT TIME ZONE 'UTC' AS date) - :days ORDER BY date"
            ),
            {"days": days},
        ).all()
    points = client.get(f"/v1/performance/equity?days={days}").json()["points"]
    drawdown = client.get(f"/v1/performance/drawdown?days={days}").json()
    results = client.get(f"/v1/performance/daily?days={days}").json()["results"]
    shown = {date.fromisoformat(point["date"]): Decimal(point["ending_equity"]) for point in points}
    assert (points[0]["date"], points[-1]["date"]) == (str(whole[0].date), str(whole[-1].date))
    assert shown.items() <= {row.date: row.ending_equity for row in whole}.items()
    assert len(shown) == len(points) <= 366
    for extreme in (max, min):
        assert extreme(shown.values()) == extreme(row.ending_equity for row in whole)
    assert Decimal(drawdown["worst"]["drawdown_pct"]) == max(row.drawdown_pct for row in whole)
    assert sum(Decimal(row["pnl"]) for row in results) == sum(row.daily_pnl for row in whole)
    assert len(results) <= 366


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("days", [1, 2, 30, 31, 45, 400, 3650])
def test_results_of_any_span_are_the_sums_of_its_days(client: TestClient, database: TestDatabase, days: int) -> None:
    with database.engine().begin() as connection:
        for statement in (
            """
            INSERT INTO analytics.city_metrics_daily SELECT 'demo', code, CAST(now() AT TIME ZONE 'UTC' AS date) - ago,
                1, ago, ago + 0.5, ago, 0.5, ago % 2, ago % 3, 1, 1, now()
            FROM unnest(ARRAY['NYC', 'CHI']) AS city (code) CROSS JOIN generate_series(0, 3700, 5) AS ago
            """,
            """
            INSERT INTO analytics.strategy_metrics_daily
            SELECT 'demo', 'normal', date, 7, trade_count, gross_pnl, net_pnl, fees, win_count, loss_count, 1, now()
            FROM analytics.city_metrics_daily WHERE city_code = 'NYC'
            """,
            "DELETE FROM analytics.city_metrics_daily WHERE net_pnl % 7 = 0",
            "UPDATE analytics.city_metrics_daily SET net_pnl = 1 WHERE net_pnl = 10",
        ):
            connection.execute(text(statement))
        sums = (
            "SELECT sum(trade_count) AS trades, sum(net_pnl) AS net_pnl, sum(win_count) AS wins "
            "FROM analytics.{} WHERE date > CAST(now() AT TIME ZONE 'UTC' AS date) - :days AND {} = :name"
        )
        expected = {
            name: connection.execute(text(sums.format(table, column)), {"days": days, "name": name}).one()
            for table, column, name in (
                ("city_metrics_daily", "city_code", "NYC"),
                ("city_metrics_daily", "city_code", "CHI"),
                ("strategy_metrics_daily", "strategy_name", "normal"),
            )
        }
    rows = client.get(f"/v1/metrics/cities?days={days}").json()["cities"]
    rows += client.get(f"/v1/metrics/strategies?days={days}").json()["strategies"]
    found = {
        row.get("city_code", row.get("strategy_name")): (row["trades"], Decimal(row["net_pnl"]), row["wins"])
        for row in rows
    }
    assert found == {name: tuple(row) for name, row in expected.items() if row.trades}


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/trades/recent", Trades),
        ("/v1/markets/recent", Markets),
        ("/v1/performance/equity", Equity),
        ("/v1/performance/drawdown", Drawdown),
        ("/v1/performance/daily", Daily),
        ("/v1/dashboard/summary", Summary),
    ],
)
def test_rows_are_written_as_their_model_writes_them(
    client: TestClient, database: TestDatabase, facts: Facts, path: str, model: type[BaseModel]
) -> None:
    _traded(database, facts)
    open_market = market("NYC", _yesterday(), "B62.5")
    facts.fill(open_market, hours_ago(5), price="0.4175", count="2.5")
    facts.fill(open_market, hours_ago(4), price="0.50", side=BookSide.ASK, reduce_only=True)
    facts.snapshot(open_market, hours_ago(4), "0.42", None)
    run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal(1000))
    written = client.get(path).text
    assert model.model_validate_json(written).model_dump_json() == written


def test_the_summary_is_the_answers_that_it_puts_together(
    client: TestClient, database: TestDatabase, facts: Facts
) -> None:
    _traded(database, facts)
    summary = client.get("/v1/dashboard/summary?span=month&city=NYC").json()
    parts = {
        "status": "/v1/status",
        "hero": "/v1/metrics/hero",
        "equity": "/v1/performance/equity?days=31",
        "today": "/v1/forecast/today?city=NYC",
        "trades": "/v1/trades/recent?limit=20&city=NYC",
    }
    assert summary.keys() == parts.keys()
    for name, path in parts.items():
        alone = client.get(path).json()
        assert {**summary[name], "as_of": None} == {**alone, "as_of": None}


@pytest.mark.parametrize("how", ["?format=csv", "header"])
def test_a_table_comes_as_csv_where_it_is_asked_for(
    client: TestClient, database: TestDatabase, facts: Facts, how: str
) -> None:
    _traded(database, facts)
    headers = {"Accept": "text/csv, application/json;q=0.5"} if how == "header" else {}
    answer = client.get("/v1/metrics/cities" + ("" if how == "header" else how), headers=headers)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert (answer.headers["vary"], answer.headers["etag"][0]) == ("Accept", '"')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["city_code"], row["net_pnl"]) for row in rows] == [("NYC", "5.83"), ("CHI", "-4.17")]
    assert client.get("/v1/metrics/cities").headers["content-type"] == "application/json"


def test_a_named_format_wins_over_the_header(client: TestClient) -> None:
    answer = client.get("/v1/trades/recent?format=json", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/trades/recent?town=NYC", "town: no parameter of that name; use city, cursor, format, limit"),
        ("/v1/metrics/hero?days=3", "days: no parameter of that name; there are none here"),
        ("/v1/performance/equity?days=3&days=4", "days: given more than once"),
    ],
)
def test_an_unknown_parameter_is_refused_with_the_known_ones(client: TestClient, path: str, detail: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"] == detail


def test_health_answers_a_monitor_that_adds_a_parameter_of_its_own(client: TestClient) -> None:
    answer = client.get("/v1/health?t=1764525600&t=2")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


def test_an_empty_city_is_every_city_as_the_description_says(client: TestClient, facts: Facts) -> None:
    facts.fill(market("NYC", _yesterday()), hours_ago(2))
    assert len(client.get("/v1/trades/recent?city=").json()["trades"]) == 1
    described = client.get("/v1/openapi.json").json()["paths"]["/v1/trades/recent"]["get"]["parameters"]
    city = next(one for one in described if one["name"] == "city")
    assert city["schema"]["enum"][:2] == ["", "NYC"]


def test_the_page_of_the_description_names_every_route_and_loads_nothing(client: TestClient) -> None:
    answer = client.get("/v1/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert [path for path in client.get("/v1/openapi.json").json()["paths"] if path not in answer.text] == []
    assert [word for word in ("<script", "http://", "https://", "src=", "<link") if word in answer.text] == []
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/v1/status", "/v1/docs", "/v1/openapi.json", "/v1/trades/recent?format=csv"])
def test_what_a_client_has_is_not_sent_again(client: TestClient, path: str) -> None:
    first = client.get(path)
    assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
