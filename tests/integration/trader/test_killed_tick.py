"""A tick that is killed around the send: what it left is cleared up by evidence, and nothing is bought twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.exchange import child_environment, environment
from tests.integration.trader.conftest import SERIES
from tests.integration.trader.faults import timeout_before_arrival
from tests.integration.trader.stage import Stage
from tests.patience import PATIENCE

from milkbot.db import orders
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import OrderEvent, OrderState

ROOT = Path(__file__).resolve().parents[3]


def killed_tick(stage: Stage, when: str) -> dict[str, Any]:
    """Run a tick that is killed at its first order; returns the order's row."""
    wanted = environment(stage.exchange.origin, stage.exchange.keys, stage.database, TRADING_SERIES=SERIES)
    command = [sys.executable, "-m", "tests.integration.trader.dying_tick", when]
    done = subprocess.run(command, env=child_environment(**wanted), cwd=ROOT, check=False, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL
    (order,) = stage.rows("SELECT * FROM ops.orders")
    assert (order["state"], order["venue_order_id"]) == ("pending", None)
    assert stage.rows("SELECT outcome FROM ops.ticks") == [{"outcome": None}]
    return order


def state_of(stage: Stage, order: dict[str, Any]) -> str:
    return str(stage.value("SELECT state FROM ops.orders WHERE id = :id", id=order["id"]))


def test_tick_killed_before_the_send_blocks_its_event_until_the_order_is_proved_absent(stage: Stage) -> None:
    order = killed_tick(stage, "before")
    assert stage.exchange.order_count() == 0

    stage.later(seconds=30)
    assert stage.tick().counts.denied["event_unresolved"] > 0
    assert state_of(stage, order) == "pending"
    in_event = "SELECT count(*) FROM ops.orders WHERE event_ticker = :event_ticker"
    assert stage.value(in_event, **order) == 1

    stage.later(seconds=31)
    assert stage.tick().counts.denied["event_unresolved"] == 0
    assert state_of(stage, order) == "rejected"
    assert stage.value(in_event, **order) > 1


def test_order_of_a_tick_killed_after_the_send_is_recorded_by_the_next_one(stage: Stage) -> None:
    order = killed_tick(stage, "after")
    assert stage.exchange.order_count() == 1

    stage.tick()
    assert state_of(stage, order) == "filled"
    held = stage.value("SELECT signed_count FROM ops.positions WHERE ticker = :ticker", **order)
    assert held == stage.exchange.account.holdings[order["ticker"]].position.signed_count
    filled = stage.value("SELECT sum(count) FROM ops.fills WHERE order_id = :id", id=order["id"])
    assert filled == order["count"]
    assert stage.exchange.order_count() == stage.value("SELECT count(*) FROM ops.orders")


def test_repeated_order_is_another_attempt_with_its_own_client_order_id(stage: Stage) -> None:
    """A history that was killed goes on at the virtual moment at which it was, so a decision may come again."""
    stage.wire.faults = [timeout_before_arrival]
    stage.tick()
    # A market that refused an order is left alone, and one that is absent too: only the operator's word is quicker.
    with transaction(stage.engine) as session:
        (unknown,) = [one for one in orders.open_orders(session, TradingMode.DEMO) if one.state == OrderState.UNKNOWN]
        now, ruling = stage.exchange.now(), OrderEvent.RULED_REJECTED
        orders.move(session, unknown, OrderState.REJECTED, at=now, reason="ann: it is not there", event=ruling)
    stage.tick()
    (first, *_) = stage.rows("SELECT * FROM ops.orders ORDER BY id")
    again = stage.rows("SELECT * FROM ops.orders WHERE ticker = :ticker ORDER BY id", **first)
    assert [(row["attempt"], row["state"]) for row in again] == [(1, "rejected"), (2, "filled")]
    assert again[0]["created_at"] == again[1]["created_at"]
