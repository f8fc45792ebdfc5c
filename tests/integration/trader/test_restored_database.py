"""A database from an hour ago: it halts, takes in what has happened since, agrees, and waits for the operator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.integration.trader.conftest import SERIES
from tests.integration.trader.stage import Stage, staged
from tests.postgres import Cluster, TestDatabase


@pytest.fixture
def backup(stage: Stage, cluster: Cluster) -> Iterator[TestDatabase]:
    """The database as it is after a tick that may not trade, before whatever the test does then."""
    stage.act(
        """
        INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since, until)
        VALUES ('demo', 'halted', 'a test', 'tester', :now, :until)
        """,
        now=stage.exchange.now(),
        until=stage.exchange.now() + timedelta(minutes=10),
    )
    stage.tick()
    stage.engine.dispose()
    stage.owner.dispose()
    name = f"{stage.database.name}_before"
    with cluster.admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {stage.database.name}"))
    copied = TestDatabase(stage.database.socket_directory, name)
    yield copied
    copied.close()
    with cluster.admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def positions(stage: Stage) -> list[dict[str, object]]:
    return stage.rows("SELECT ticker, signed_count, cost, fees FROM ops.positions ORDER BY ticker")


def test_a_restored_ledger_halts_trading_and_recovers_lost_orders(stage: Stage, backup: TestDatabase) -> None:
    stage.later(hours=1)
    stage.tick()
    lost = stage.rows("SELECT client_order_id, state FROM ops.orders ORDER BY client_order_id")
    assert any(order["state"] == "filled" for order in lost), "this world must trade after the backup"
    whole = positions(stage)

    with staged(stage.exchange, backup, TRADING_SERIES=SERIES) as restored:
        report = restored.tick()
        assert restored.wire.creates == []
        assert str(report.message) == "trading state is halted"
        assert positions(restored) == whole
        filled = [order for order in lost if order["state"] == "filled"]
        found = "SELECT client_order_id, state FROM ops.orders WHERE origin = 'found' ORDER BY client_order_id"
        assert restored.rows(found) == filled

        restored.later(minutes=5)
        restored.tick()
        assert restored.value("SELECT count(*) FROM ops.findings WHERE closed_at IS NULL") == 0
        assert restored.wire.creates == [], "agreeing is not enough: the operator has to resume"
        restored.act("""
            INSERT INTO ops.hold_acknowledgements (hold_id, acknowledged_by, acknowledged_at, note)
            SELECT id, 'tester', now(), 'looked at' FROM ops.trading_holds
        """)
        restored.later(hours=8)
        assert restored.tick().message is None
        assert restored.value("SELECT count(*) FROM ops.fills WHERE order_id IS NULL") == 0
