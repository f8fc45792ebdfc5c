"""The public service on a real database, read as its own role."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from anyio import to_thread
from fastapi.testclient import TestClient
from sqlalchemy import text
from tests.facts import Facts, hours_ago, market
from tests.patience import PATIENCE
from tests.postgres import Cluster, TestDatabase

from milkbot.analytics.rollups import run_rollups
from milkbot.analytics.service import application, health
from milkbot.analytics.service.application import create_app
from milkbot.db.session import DatabaseAddress, make_engine
from milkbot.domain.cities import cities
from milkbot.domain.orders import BookSide
from milkbot_hostcheck.settings import table

PRIVATE = ("order-", "fill-", "mb-", "signal", "client_order", "venue")


@pytest.fixture
def facts(database: TestDatabase) -> Facts:
    """A writer of demo facts."""
    return Facts(database.engine())


@pytest.fixture
def client(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of the service that keeps no answer, so that each request reads the database."""
    monkeypatch.setattr(application, "CACHE_SECONDS", 0)
    with TestClient(create_app(database.engine("milkbot_api")), raise_server_exceptions=False) as serving:
        yield serving


def _roll_up(database: TestDatabase) -> None:
    run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal("992.10"))


_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND query = 'SELECT pg_sleep(60)'"
)
_BUSY = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND usename = 'milkbot_api' AND state = 'active'"
)


def _wait_until_busy(cluster: Cluster, database: TestDatabase, connections: int) -> None:
    """Wait until so many of the service's connections to this database run a statement."""
    deadline = time.monotonic() + PATIENCE
    with cluster.admin.connect() as connection:
        while (found := connection.scalar(_BUSY, {"name": database.name})) != connections:
            assert time.monotonic() < deadline, f"{found} connections run a statement, not {connections}"
            time.sleep(0.01)


def _yesterday() -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date()


def test_figures_are_empty_before_the_first_tick(client: TestClient) -> None:
    hero = client.get("/v1/metrics/hero").json()
    as_of = datetime.fromisoformat(hero.pop("as_of"))
    assert hero == {
        "mode": None,
        "total_pnl": "0.00",
        "win_rate": None,
        "trades_today": 0,
        "active_positions": 0,
        "unrealized_pnl": "0.00",
        "unpriced_positions": 0,
    }
    assert timedelta(minutes=59) < datetime.now(UTC) - as_of < timedelta(minutes=62)
    assert client.get("/v1/trades/recent").json()["trades"] == []
    assert client.get("/v1/performance/equity").json()["points"] == []


def test_hero_shows_the_mode_of_the_ticks_and_its_results(
    client: TestClient, database: TestDatabase, facts: Facts
) -> None:
    Facts(database.engine(), mode="shadow").tick(hours_ago(20), finished=hours_ago(20), outcome="ok")
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    for city, yes in (("NYC", True), ("CHI", False), ("MIA", True)):
        facts.fill(market(city, _yesterday()), hours_ago(30))
        facts.settle(market(city, _yesterday()), hours_ago(3), yes=yes)
    _roll_up(database)
    hero = client.get("/v1/metrics/hero").json()
    assert (hero["mode"], hero["total_pnl"], hero["win_rate"]) == ("demo", "7.49", "0.6667")


def test_hero_shows_nothing_of_the_last_hour(client: TestClient, database: TestDatabase, facts: Facts) -> None:
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    facts.fill(market("NYC", _yesterday()), hours_ago(2))
    _roll_up(database)
    before = client.get("/v1/metrics/hero").json()
    assert (before["active_positions"], before["total_pnl"]) == (1, "-0.17")
    facts.fill(market("CHI", _yesterday()), hours_ago(0.9))
    facts.fill(market("NYC", _yesterday()), hours_ago(0.1), side=BookSide.ASK)
    _roll_up(database)
    after = client.get("/v1/metrics/hero").json()
    assert {**after, "as_of": None} == {**before, "as_of": None}


def test_position_that_was_sold_or_settled_is_not_active(
    client: TestClient, database: TestDatabase, facts: Facts
) -> None:
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    for city in ("NYC", "CHI", "MIA"):
        facts.fill(market(city, _yesterday()), hours_ago(20))
    facts.fill(market("CHI", _yesterday()), hours_ago(19), side=BookSide.ASK, price="0.60")
    facts.settle(market("MIA", _yesterday()), hours_ago(2), yes=True)
    _roll_up(database)
    assert client.get("/v1/metrics/hero").json()["active_positions"] == 1


def test_what_is_held_is_worth_what_it_could_be_sold_for_an_hour_ago(
    client: TestClient, database: TestDatabase, facts: Facts
) -> None:
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    bought, sold, nobody_bids = (market(city, _yesterday()) for city in ("NYC", "CHI", "MIA"))
    facts.fill(bought, hours_ago(20), count="10", price="0.40")
    facts.fill(bought, hours_ago(19), count="4", price="0.60", side=BookSide.ASK)
    facts.fill(sold, hours_ago(20), count="10", price="0.60", side=BookSide.ASK)
    facts.fill(nobody_bids, hours_ago(20))
    for ticker, hours, bid, ask in (
        (bought, 3, "0.01", "0.02"),
        (bought, 2, "0.50", "0.55"),
        (bought, 0.5, "0.90", "0.95"),
        (sold, 2, "0.40", "0.50"),
        (nobody_bids, 2, None, "0.05"),
    ):
        facts.snapshot(ticker, hours_ago(hours), bid, ask)
    # What came within the hour is not to be seen, in none of the figures.
    facts.fill(bought, hours_ago(0.8), count="6", price="0.95", side=BookSide.ASK)
    facts.settle(sold, hours_ago(0.3), yes=True)
    _roll_up(database)
    hero = client.get("/v1/metrics/hero").json()
    # 6 YES bought at 0.40, bid 0.50; 10 NO bought at 0.40, worth 1 - 0.50.
    assert (hero["unrealized_pnl"], hero["active_positions"], hero["unpriced_positions"]) == ("1.60", 3, 1)
    with database.engine("milkbot_api").connect() as connection:
        markets = connection.execute(
            text("SELECT sum(unrealized_pnl), count(*) FROM analytics.v_public_markets WHERE is_open")
        )
        assert markets.one() == (Decimal("1.6"), 3), "the same as of the markets one by one"


def test_trades_today_are_those_of_the_utc_day(client: TestClient, database: TestDatabase, facts: Facts) -> None:
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    as_of = datetime.fromisoformat(client.get("/v1/metrics/hero").json()["as_of"])
    midnight = as_of.replace(hour=0, minute=0)
    facts.fill(market("NYC", _yesterday()), midnight)
    facts.fill(market("CHI", _yesterday()), midnight - timedelta(seconds=1))
    _roll_up(database)
    assert client.get("/v1/metrics/hero").json()["trades_today"] == 1


def test_trades_come_newest_first_an_hour_late_and_without_ids(client: TestClient, facts: Facts) -> None:
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    for hours, city in ((3, "NYC"), (0.5, "LAX"), (2, "CHI"), (30, "MIA")):
        facts.fill(market(city, _yesterday()), hours_ago(hours))
    answer = client.get("/v1/trades/recent?limit=2")
    assert [trade["city_code"] for trade in answer.json()["trades"]] == ["CHI", "NYC"]
    assert [word for word in PRIVATE if word in answer.text] == []


def test_trade_is_written_in_decimal_text(client: TestClient, facts: Facts) -> None:
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    facts.fill(
        market("NYC", _yesterday()), hours_ago(30), side=BookSide.ASK, count="12.5", price="0.415", fee="0.212444"
    )
    facts.settle(market("NYC", _yesterday()), hours_ago(2), yes=False)
    (trade,) = client.get("/v1/trades/recent").json()["trades"]
    shown = {name: trade[name] for name in ("side", "quantity", "price", "fees", "total_cost", "realized_pnl")}
    assert shown == {
        "side": "no",
        "quantity": "12.50",
        "price": "0.585",
        "fees": "0.212444",
        "total_cost": "7.524944",
        "realized_pnl": "4.975056",
    }


@pytest.mark.parametrize(
    ("side", "leg", "price", "total"),
    [(BookSide.ASK, "yes", "0.60", "-5.83"), (BookSide.BID, "no", "0.40", "-3.83")],
)
def test_a_sale_is_shown_as_the_leg_that_was_sold_and_what_it_brought(
    client: TestClient, facts: Facts, side: BookSide, leg: str, price: str, total: str
) -> None:
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    facts.fill(market("NYC", _yesterday()), hours_ago(2), side=side, price="0.60", fee="0.17", reduce_only=True)
    facts.settle(market("NYC", _yesterday()), hours_ago(2), yes=True)
    (trade,) = client.get("/v1/trades/recent").json()["trades"]
    shown = {name: trade[name] for name in ("action", "side", "price", "quantity", "total_cost", "fees")}
    assert shown == {
        "action": "sell",
        "side": leg,
        "price": price,
        "quantity": "10.00",
        "total_cost": total,
        "fees": "0.17",
    }
    # 10 x (0.60 - 1) - 0.17: the YES was sold too soon. 10 x (1 - 0.60) - 0.17: the NO was sold in time.
    assert trade["realized_pnl"] == {"yes": "-4.17", "no": "3.83"}[leg]


def test_a_trade_shows_its_markouts_once_they_are_known(
    client: TestClient, facts: Facts, database: TestDatabase
) -> None:
    ticker = market("NYC", _yesterday())
    facts.fill(ticker, hours_ago(3), price="0.40")
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    (trade,) = client.get("/v1/trades/recent").json()["trades"]
    assert (trade["action"], trade["markout_5m"], trade["markout_30m"]) == ("buy", None, None)
    facts.snapshot(ticker, hours_ago(3) + timedelta(minutes=5), "0.42", "0.45")
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    _roll_up(database)
    (trade,) = client.get("/v1/trades/recent").json()["trades"]
    assert (trade["markout_5m"], trade["markout_30m"]) == ("0.035", None)


@pytest.mark.parametrize("code", ["NYC", "nyc"])
def test_trades_can_be_limited_to_one_city(client: TestClient, facts: Facts, code: str) -> None:
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    for city in ("NYC", "CHI", "NYC"):
        facts.fill(market(city, _yesterday()), hours_ago(2))
    trades = client.get("/v1/trades/recent", params={"city": code}).json()["trades"]
    assert [trade["city_code"] for trade in trades] == ["NYC", "NYC"]


def test_equity_returns_the_requested_days(client: TestClient, database: TestDatabase, facts: Facts) -> None:
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for ago in (1, 2, 3):
        facts.fill(market("NYC", (today - timedelta(days=ago)).date()), today - timedelta(days=ago, hours=-12))
    _roll_up(database)
    points = client.get("/v1/performance/equity?days=3").json()["points"]
    assert [point["date"] for point in points] == [str((today - timedelta(days=ago)).date()) for ago in (2, 1)]
    assert points[-1]["ending_equity"] == "991.59"
    assert points[-1]["drawdown"] == "0.51"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/trades/recent?limit=101", "limit is '101': input should be less than or equal to 100"),
        ("/v1/trades/recent?limit=0", "limit is '0': input should be greater than or equal to 1"),
        ("/v1/trades/recent?city=ROM", "city is 'ROM': value error, not a city that is traded; use one of NYC, CHI"),
        ("/v1/performance/equity?days=ten", "days is 'ten': input should be a valid integer"),
    ],
)
def test_wrong_query_is_answered_with_what_to_change(client: TestClient, path: str, detail: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(detail)


def test_unknown_path_and_method_are_answered_with_problem_details(client: TestClient) -> None:
    absent = client.get("/v1/nothing")
    assert (absent.status_code, absent.json()["title"]) == (404, "Not Found")
    assert absent.headers["content-type"] == "application/problem+json"
    posted = client.post("/v1/metrics/hero")
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET")


def test_unchanged_answer_is_answered_with_304(client: TestClient) -> None:
    first = client.get("/v1/performance/equity")
    again = client.get("/v1/performance/equity", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    if again.status_code == 200:
        # The minute of as_of changed between the two.
        again = client.get("/v1/performance/equity", headers={"If-None-Match": again.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_database_is_queried_once_in_five_seconds(database: TestDatabase) -> None:
    engine = database.engine("milkbot_api")
    with TestClient(create_app(engine)) as client:
        first = client.get("/v1/metrics/hero")
        assert first.headers["cache-control"] == "public, max-age=5"
        Facts(database.engine()).tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
        assert client.get("/v1/metrics/hero").json() == first.json()


def test_health_is_degraded_until_every_component_ran_and_then_ok(
    client: TestClient, database: TestDatabase, facts: Facts
) -> None:
    fresh = client.get("/v1/health")
    assert (fresh.status_code, fresh.json()["status"], fresh.json()["release"]) == (200, "degraded", "dev")
    trader = fresh.json()["components"]["trader"]
    assert trader["detail"] == "has not run yet; run: systemctl status milkbot-trader.timer"
    facts.tick(hours_ago(0.1), finished=hours_ago(0.1), outcome="ok")
    _roll_up(database)
    running = client.get("/v1/health").json()
    assert running["status"] == "ok"
    assert running["trading_state"] == "active"
    assert 355 <= running["components"]["trader"]["age_seconds"] <= 380


def test_trader_without_finished_ticks_is_degraded(
    client: TestClient, database: TestDatabase, facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "limits_path", lambda: tmp_path / "limits.json")
    (tmp_path / "limits.json").write_text(json.dumps(table({})), "utf-8")
    _roll_up(database)
    facts.tick(hours_ago(0.3), finished=hours_ago(0.3), outcome="ok")
    facts.tick(hours_ago(0))
    found = client.get("/v1/health")
    assert found.status_code == 200
    assert found.json()["components"]["trader"]["status"] == "degraded"
    assert "milkbot-trader.timer" in found.json()["components"]["trader"]["detail"]
    (tmp_path / "limits.json").write_text(json.dumps(table({}, 20)), "utf-8")
    slower = client.get("/v1/health").json()
    assert slower["components"]["trader"]["status"] == "ok", "a tick every 20 minutes is healthy after 18"


def test_without_the_database_health_is_down_and_other_routes_answer_503(database: TestDatabase) -> None:
    gone = DatabaseAddress(str(database.socket_directory), 5999, "milkbot", "milkbot_api", None)
    engine = make_engine(gone, application="test")
    with TestClient(create_app(engine), raise_server_exceptions=False) as client:
        found = client.get("/v1/health")
        assert (found.status_code, found.json()["status"]) == (503, "down")
        assert found.json()["components"]["database"]["status"] == "down"
        assert found.json()["release"] == "dev"
        hero = client.get("/v1/metrics/hero")
        assert (hero.status_code, hero.headers["retry-after"]) == (503, "60")
        assert "database does not answer" in hero.json()["detail"]


def test_database_without_migrations_is_down_and_no_internal_error(empty_database: TestDatabase) -> None:
    with TestClient(create_app(empty_database.engine("milkbot_api")), raise_server_exceptions=False) as client:
        assert client.get("/v1/health").status_code == 503
        assert client.get("/v1/trades/recent").status_code == 503


def test_health_check_answers_in_time_when_the_database_hangs(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.2)
    engine = database.engine("milkbot_api")
    with database.engine().connect() as blocker, TestClient(create_app(engine)) as client:
        blocker.execute(text("LOCK TABLE ops.ticks IN ACCESS EXCLUSIVE MODE"))
        found = client.get("/v1/health")
        blocker.rollback()
    assert found.status_code == 503
    assert found.json()["components"]["database"]["detail"] == "no answer within 0.2 seconds"
    # A connection that is given back after the service ended would leak: its warning is an error.
    gc.collect()


def test_health_checks_of_a_database_that_hangs_take_two_connections_at_most(
    cluster: Cluster, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.1)
    with database.engine().connect() as blocker, TestClient(create_app(database.engine("milkbot_api"))) as client:
        blocker.execute(text("LOCK TABLE ops.ticks IN ACCESS EXCLUSIVE MODE"))
        statuses = [client.get("/v1/health").status_code for _ in range(6)]
        _wait_until_busy(cluster, database, health.AT_ONCE)
        blocker.rollback()
        _wait_until_busy(cluster, database, 0)
        assert client.get("/v1/health").status_code == 200
    assert statuses == [503] * 6


def test_health_answers_while_slow_reads_hold_every_connection_and_thread(
    cluster: Cluster, database: TestDatabase, facts: Facts
) -> None:
    facts.tick(hours_ago(0.1), finished=hours_ago(0.1), outcome="ok")
    _roll_up(database)
    engine = database.engine("milkbot_api")
    app = create_app(engine)

    def sleeping() -> None:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(60)"))

    @app.get("/v1/slow")
    async def slow() -> None:
        await to_thread.run_sync(sleeping)

    with TestClient(app, raise_server_exceptions=False) as client, ThreadPoolExecutor(50) as readers:
        waiting = [readers.submit(client.get, "/v1/slow") for _ in range(50)]
        _wait_until_busy(cluster, database, 8)
        found = [client.get("/v1/health").json()["components"]["database"]["status"] for _ in range(3)]
        with cluster.admin.connect() as admin:
            while not all(one.done() for one in waiting):
                admin.execute(_END, {"name": database.name})
                time.sleep(0.01)
    assert found == ["ok"] * 3


def test_openapi_description_names_every_route_and_no_absolute_address(client: TestClient) -> None:
    description = client.get("/v1/openapi.json").json()
    assert set(description["paths"]) == {
        "/v1/health",
        "/v1/status",
        "/v1/dashboard/summary",
        "/v1/metrics/hero",
        "/v1/metrics/cities",
        "/v1/metrics/strategies",
        "/v1/metrics/execution",
        "/v1/trades/recent",
        "/v1/markets/recent",
        "/v1/results/recent",
        "/v1/forecast/today",
        "/v1/performance/equity",
        "/v1/performance/drawdown",
        "/v1/performance/daily",
        "/v1/forecast/skill",
        "/v1/forecast/reliability",
    }
    assert "http" not in json.dumps(description.get("servers", []))


def test_all_traded_cities_fit_the_cache(client: TestClient) -> None:
    """A code that anyone may invent would let strangers fill the memory."""
    assert client.get("/v1/trades/recent?city=" + "X" * 2000).status_code == 422
    assert len(cities()) < 50
