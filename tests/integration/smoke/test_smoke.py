"""`milkbot db smoke`: passes on our schema, fails on one that lacks what we need, and leaves nothing behind."""

from __future__ import annotations

import inspect
import json
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from tests.cli import Milkbot
from tests.facts import Facts, hours_ago, market
from tests.patience import PATIENCE
from tests.postgres import TestDatabase

from milkbot.analytics import daily_metrics, equity, forecast_scores, markouts, touched
from milkbot.analytics.service import (
    curve_queries,
    figure_queries,
    market_queries,
    queries,
    result_queries,
    skill_queries,
)
from milkbot.db import (
    cash,
    findings,
    forecasts,
    holds,
    ledger,
    marks,
    order_events,
    order_groups,
    orders,
    quotes,
    results,
    risk_facts,
    state,
    terms,
    ticks,
)
from milkbot.db.state import single_writer
from milkbot.domain.modes import TradingMode
from milkbot.smoke import suite
from milkbot.smoke.checks import Outcome

CHECKSUMS = """
SELECT string_agg(name || ' ' || sum, E'\\n' ORDER BY name) FROM (
    SELECT table_schema || '.' || table_name AS name,
        (xpath('/row/sum/text()', query_to_xml(format(
            'SELECT count(*) || md5(string_agg(t::text, '','' ORDER BY t::text)) AS sum FROM %I.%I AS t',
            table_schema, table_name), false, true, '')))[1]::text AS sum
    FROM information_schema.tables WHERE table_schema IN ('ops', 'analytics') AND table_type = 'BASE TABLE') AS tables
"""


def _required(table: str) -> str:
    """The default fills the rows that are there, and is gone for those to come."""
    column = f"ALTER TABLE {table} ADD COLUMN venue text NOT NULL DEFAULT 'kalshi'"
    return f"{column}; ALTER TABLE {table} ALTER COLUMN venue DROP DEFAULT"


# What a migration did, and which checks have to notice it.
BROKEN = {
    "a column that is written is gone": ("ALTER TABLE ops.risk_events DROP COLUMN payload", {"save_risk_event"}),
    "a column that is read is renamed": (
        "ALTER TABLE ops.trading_states RENAME COLUMN acknowledged_by TO seen_by",
        {"set_state", "current_state"},
    ),
    "a column without default is required": (
        _required("ops.balance_snapshots"),
        {"save_balance"},
    ),
    "a column of the rollups is required": (
        _required("analytics.city_metrics_daily"),
        {"compute_buckets"},
    ),
    "a view is gone": (
        "DROP VIEW analytics.v_current_health",
        {"read_status", "milkbot_api reads analytics.v_current_health"},
    ),
    "a view hides what was shown": (
        (
            "ALTER VIEW analytics.v_public_trades RENAME TO hidden; "
            "CREATE VIEW analytics.v_public_trades AS SELECT * FROM analytics.hidden WHERE false"
        ),
        {"read_trades"},
    ),
    "a constraint refuses what is written": (
        "ALTER TABLE ops.ticks ADD CONSTRAINT few CHECK (outcome <> 'completed') NOT VALID",
        {"finish_tick"},
    ),
    "a trigger knows an order's state no more": (
        "DELETE FROM ops.order_rules WHERE old_state = 'resting' AND new_state = 'filled'",
        {"move"},
    ),
    "the trader may not write": ("REVOKE INSERT ON ops.rollup_touched FROM milkbot_trader", {"touch"}),
    "the trader may not correct": ("REVOKE UPDATE (order_id) ON ops.fills FROM milkbot_trader", {"adopt_fills"}),
    "the rollups may not read": ("REVOKE SELECT ON ops.balance_snapshots FROM milkbot_rollups", {"compute_equity"}),
    "the rollups may not store a markout": (
        "REVOKE INSERT ON ops.fill_markouts FROM milkbot_rollups",
        {"record_markouts"},
    ),
    "the API may not read": (
        "REVOKE SELECT ON analytics.equity_curve_daily FROM milkbot_api",
        {"milkbot_api reads analytics.equity_curve_daily"},
    ),
    "an operator cannot arm": ("ALTER TABLE ops.live_armings DROP COLUMN statement", {"arm_live"}),
}


def _suite(database: TestDatabase) -> list[Outcome]:
    return suite.run(database.address(), TradingMode.DEMO)


def _failed(outcomes: list[Outcome]) -> set[str]:
    return {outcome.check for outcome in outcomes if outcome.problem}


def _do(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        for each in statement.split(";"):
            connection.execute(text(each))


def _checksums(database: TestDatabase) -> str:
    with database.engine().connect() as connection:
        return str(connection.scalar(text(CHECKSUMS)))


@pytest.fixture
def traded(database: TestDatabase) -> TestDatabase:
    """A database whose ledger holds something, some of it not public yet."""
    facts = Facts(database.engine())
    for hours in (30, 3, 0.5):
        at = hours_ago(hours)
        ticker = market("NYC", at.date())
        facts.balance("1000", at)
        facts.signal("NYC", at.date(), at, edge="0.05", count=10)
        facts.fill(ticker, at)
    facts.settle(market("NYC", hours_ago(30).date()), hours_ago(20), yes=True)
    return database


def test_every_statement_passes_on_the_current_schema(database: TestDatabase) -> None:
    assert _failed(_suite(database)) == set()


@pytest.mark.parametrize("mode", list(TradingMode))
def test_the_suite_changes_nothing_in_a_filled_ledger(traded: TestDatabase, mode: TradingMode) -> None:
    before = _checksums(traded)
    assert "ops.fills 3" in before
    outcomes = suite.run(traded.address(), mode)
    assert _failed(outcomes) == set()
    assert _checksums(traded) == before


@pytest.mark.parametrize("case", BROKEN)
def test_an_incompatible_schema_fails(traded: TestDatabase, case: str) -> None:
    statement, noticed = BROKEN[case]
    _do(traded.engine(), statement)
    before = _checksums(traded)
    assert noticed <= _failed(_suite(traded))
    assert _checksums(traded) == before


def test_a_schema_with_additions_passes(traded: TestDatabase) -> None:
    for statement in (
        "ALTER TABLE ops.fills ADD COLUMN venue text NOT NULL DEFAULT 'kalshi'",
        "ALTER TABLE ops.ticks ADD COLUMN note text",
        "CREATE TABLE ops.of_a_test (id bigint)",
    ):
        _do(traded.engine(), statement)
    assert _failed(_suite(traded)) == set()


def test_checks_that_were_not_tried_after_a_failure_are_reported(database: TestDatabase) -> None:
    _do(database.engine(), "ALTER TABLE ops.ticks DROP COLUMN config_hash")
    outcomes = [outcome for outcome in _suite(database) if outcome.role == "milkbot_trader"]
    assert [(outcome.check, outcome.problem.split(" of ")[0]) for outcome in outcomes] == [
        ("begin_tick", 'column "config_hash"'),
        ("the rest", "not tried: it needs begin_tick"),
    ]


def test_every_statement_of_the_repositories_is_checked(database: TestDatabase) -> None:
    evidence = (cash, findings, marks, order_events, quotes)
    risk = (holds, order_groups, risk_facts, terms)
    rollups = (daily_metrics, equity, forecast_scores, markouts, touched)
    modules = (ticks, orders, ledger, forecasts, results, state, *evidence, *risk, *rollups)
    served = (queries, curve_queries, market_queries, result_queries, figure_queries, skill_queries)
    ours = {
        name
        for module in (*modules, *served)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    # The lock that keeps two ticks apart must not be taken; two are the operator's alone; the others ask nothing.
    untouched = {"single_writer", "resume", "accept"}
    left_out = untouched | {"chain", "canonical", "terms_of", "sealed", "break_of", "realized_column", "moment_of"}
    left_out |= {"as_of_and_mode", "cursor_after", "listing", "official", "win_rate"}
    left_out |= {"read_lines", "read_list", "read_newest"}
    assert ours - left_out <= {outcome.check for outcome in _suite(database)}


@pytest.fixture
def a_running_tick(traded: TestDatabase) -> Iterator[None]:
    """What a tick holds while it runs: its lock, and a transaction that wrote."""
    engine = traded.engine("milkbot_trader")
    with single_writer(engine, TradingMode.DEMO), engine.connect() as connection:
        for statement in (
            "INSERT INTO ops.ticks (trading_mode, started_at, release, config_hash) VALUES ('demo', now(), 'x', 'x')",
            "INSERT INTO ops.rollup_touched (trading_mode, bucket, key, day) VALUES ('demo', 'city', 'NYC', now())",
            "UPDATE ops.orders SET updated_at = now()",
        ):
            connection.execute(text(statement))
        yield
        connection.rollback()


@pytest.mark.usefixtures("a_running_tick")
def test_the_suite_does_not_wait_for_a_running_tick(traded: TestDatabase) -> None:
    """What waits for it fails by its lock timeout: the tick holds on until the suite has ended."""
    assert _failed(_suite(traded)) == set()


def test_a_tick_does_not_wait_for_the_suite(traded: TestDatabase) -> None:
    """While the suite runs again and again, a tick's statements find nothing that holds them up."""
    stop = threading.Event()
    failed: set[str] = set()

    def repeat() -> None:
        while not stop.is_set():
            failed.update(_failed(_suite(traded)))

    repeating = threading.Thread(target=repeat)
    repeating.start()
    slowest = 0.0
    try:
        facts = Facts(traded.engine(), prefix="tick-")
        for _ in range(20):
            began = time.monotonic()
            with single_writer(traded.engine("milkbot_trader"), TradingMode.DEMO):
                facts.fill(market("NYC", hours_ago(3).date()), hours_ago(3))
            slowest = max(slowest, time.monotonic() - began)
            traded.close()
    finally:
        stop.set()
        repeating.join()
    assert failed == set()
    assert slowest < 15  # a statement that is held up ends at its own timeout, of 30 seconds


def test_the_suite_gives_up_on_a_locked_table(traded: TestDatabase) -> None:
    with traded.engine().connect() as holder:
        holder.execute(text("LOCK TABLE ops.settlements IN ACCESS EXCLUSIVE MODE"))
        started = time.monotonic()
        problems = {outcome.problem for outcome in _suite(traded) if outcome.problem}
    assert "canceling statement due to lock timeout" in problems
    assert time.monotonic() - started < PATIENCE


def test_the_command_reports_the_results_of_the_suite(
    database: TestDatabase, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    milkbot = Milkbot(monkeypatch, capsys)
    milkbot.environment = database.environment("milkbot")
    good = milkbot("db", "smoke", "--json")
    assert good.code == 0
    rows = json.loads(good.out)
    assert {row["verdict"] for row in rows} == {"ok"}
    assert {row["role"] for row in rows} == {"milkbot_trader", "milkbot_rollups", "milkbot"}
    _do(database.engine(), "ALTER TABLE ops.risk_events DROP COLUMN payload")
    bad = milkbot("db", "smoke")
    assert bad.code == 1
    assert 'column "payload" of relation "risk_events" does not exist' in bad.out
    assert milkbot("db", "smoke", POSTGRES_HOST="/nowhere").code == 71


def test_each_service_is_tried_with_its_rights_alone_by_a_session_of_the_owner(database: TestDatabase) -> None:
    """No user of the system comes in as two roles, so the suite must not try to."""
    _do(database.engine("postgres"), f"REVOKE CONNECT ON DATABASE {database.name} FROM milkbot_trader, milkbot_rollups")
    assert _failed(_suite(database)) == set()


def test_a_role_that_the_owner_may_not_set_is_named(
    database: TestDatabase, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    milkbot = Milkbot(monkeypatch, capsys)
    milkbot.environment = database.environment("milkbot_api")
    refused = milkbot("db", "smoke")
    assert refused.code == 71
    assert "the owner may not become milkbot_trader" in refused.err
    assert "site.yml --tags postgres" in refused.err
