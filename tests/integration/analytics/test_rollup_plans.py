"""A run of the rollups after one fill reads the same few rows whatever the ledger holds: its plans at 200,000."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from tests.bench.analytics import ledger
from tests.postgres import TestDatabase

from milkbot.analytics.rebuild import rebuild
from milkbot.analytics.rollups import run_rollups
from milkbot.db.scratch import address

FILLS = 200_000
# What one node may read: the fills and decisions of the few days that a fill touches, and no more.
MOST = 4 * ledger.FILLS_A_DAY
BANKROLL = Decimal(1000)
# One row of each component a run, for seven days.
SHORT = {"health_metrics", "component_health", "rollup_touched"}

Statement = tuple[str, Any]


def _statements(engine: Engine) -> list[Statement]:
    """What a run of the rollups asks, with its parameters."""
    asked: list[Statement] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    run_rollups(engine, bankroll=BANKROLL)
    event.remove(engine, "before_cursor_execute", note)
    return asked


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _unbounded(engine: Engine, statements: list[Statement]) -> list[str]:
    """What reads a table without a condition of an index, or too much of it."""
    found = []
    with engine.connect() as connection:
        for statement, parameters in statements:
            answer = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
            for node in _nodes(answer[0]["Plan"]):
                table, loops = node.get("Relation Name", ""), node["Actual Loops"]
                if "Scan" not in node["Node Type"] or not table or table in SHORT:
                    continue
                removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
                read = (node["Actual Rows"] + removed) * loops
                full = node["Node Type"] == "Seq Scan" and loops > 0
                if read > MOST or (full and read > ledger.MARKETS):
                    found.append(f"{node['Node Type']} of {table} reads {read} rows: {statement.strip()[:80]}")
        connection.rollback()
    return found


def test_a_run_after_one_fill_is_bounded_by_indexes(database: TestDatabase) -> None:
    admin = create_engine(address(database.socket_directory, database.name, "postgres").url())
    assert ledger.make(admin, FILLS) >= FILLS
    admin.dispose()
    engine = database.engine("milkbot_rollups")
    rebuild(engine, bankroll=BANKROLL)
    ledger.one_fill(database.engine(), 1)
    statements = [one for one in _statements(engine) if not one[0].startswith("SET")]
    ledger.one_fill(database.engine(), 2)
    assert _unbounded(engine, statements) == []
    everything = text("SELECT count(*) FROM ops.fills WHERE trading_mode = 'demo' AND fee > 0")
    assert _unbounded(engine, [(str(everything), {})]), "this test can fail"
