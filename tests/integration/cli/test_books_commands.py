"""Commands that show and change the ledger: what they print, what they store, what they exit with."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.cli import Milkbot
from tests.facts import Facts, market
from tests.postgres import TestDatabase

from milkbot.db import orders as order_rows
from milkbot.db.orders import IntentContext
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide, OrderIntent, OrderState, TimeInForce
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.trader.reconcile.bookkeeping import record_fills
from milkbot.venue.errors import OrderRejectedError

NOON = datetime(2026, 8, 3, 16, 0, tzinfo=UTC)
TICKER = market("NYC", NOON.date())


@pytest.fixture
def book(database: TestDatabase) -> None:
    """One filled order and the position that it left."""
    Facts(database.engine()).fill(TICKER, NOON, side=BookSide.ASK, count="7", price="0.40")
    fill = Fill(
        "another",
        "order-1",
        TICKER,
        BookSide.ASK,
        Count(Decimal(3)),
        Price(Decimal("0.40")),
        Cash(Decimal("0.05")),
        True,
        NOON,
    )
    with Session(database.engine()) as session, session.begin():
        record_fills(session, TradingMode.DEMO, [fill], at=NOON)


@pytest.mark.usefixtures("book")
def test_orders_and_positions_can_be_read_by_a_program(milkbot: Milkbot) -> None:
    orders = json.loads(milkbot("orders", "--json").out)
    assert [(row["ticker"], row["side"], row["count"], row["state"]) for row in orders] == [
        (TICKER, "ask", "7.00", "filled")
    ]
    positions = json.loads(milkbot("positions", "--json").out)
    assert [(row["ticker"], row["leg"], row["count"]) for row in positions] == [(TICKER, "NO", "10.00")]


@pytest.mark.usefixtures("book")
def test_orders_and_positions_are_shown_in_full(milkbot: Milkbot) -> None:
    for command in ("orders", "positions"):
        shown = milkbot(command)
        assert shown.code == 0
        assert TICKER in shown.out


def test_a_refused_order_is_shown_with_the_details_of_the_exchange(milkbot: Milkbot, database: TestDatabase) -> None:
    intent = OrderIntent(
        client_order_id="mb-1",
        ticker=TICKER,
        side=BookSide.BID,
        count=Count(Decimal(7)),
        price=Price(Decimal("0.40")),
        time_in_force=TimeInForce.GOOD_TILL_CANCELED,
        exchange_index=0,
        created_at=NOON,
    )
    context = IntentContext(None, TICKER.rpartition("-")[0], "NYC", NOON.date(), "s", 1)
    refused = OrderRejectedError("invalid_order", "invalid order", 400, "post only cross")
    with Session(database.engine()) as session, session.begin():
        order = order_rows.order_by_id(
            session, order_rows.commit_intent(session, intent, context, mode=TradingMode.DEMO, at=NOON)
        )
        order_rows.move(session, order, OrderState.REJECTED, at=NOON, reason=refused.reason)
    (row,) = json.loads(milkbot("orders", "--json").out)
    assert (row["state"], row["reason"]) == ("rejected", "invalid_order: post only cross")
    assert "invalid_order: post only cross" in milkbot("orders").out
    shown = milkbot("orders", "show", str(row["id"])).out
    assert "invalid_order: post only cross" in shown
    assert "the market moved since the book was read" in shown
    assert isinstance(json.loads(milkbot("orders", "show", str(row["id"]), "--json").out), list)


@pytest.mark.usefixtures("book")
def test_the_ledger_of_another_mode_is_not_shown(milkbot: Milkbot) -> None:
    for command in ("orders", "positions"):
        assert json.loads(milkbot(command, "--json", TRADING_MODE="shadow").out) == []


def test_halt_and_resume_are_stored_with_actor_and_reason(milkbot: Milkbot, database: TestDatabase) -> None:
    assert milkbot("halt", "--reason", "storm").code == 0
    assert milkbot("resume", "--reason", "it passed").code == 0
    with database.engine().connect() as connection:
        rows = connection.execute(text("SELECT state, reason, acknowledged_by IS NULL FROM ops.trading_states"))
        assert [tuple(row) for row in rows] == [("halted", "storm", True), ("active", "it passed", False)]
        acts = connection.scalars(text("SELECT message FROM ops.risk_events WHERE event_type = 'operator'")).all()
    assert [act.partition(" set ")[2] for act in acts] == [
        "the trading state to halted: storm",
        "the trading state to active: it passed",
    ]


@pytest.mark.parametrize("command", ["halt", "resume"])
def test_halt_and_resume_without_a_reason_are_refused(milkbot: Milkbot, database: TestDatabase, command: str) -> None:
    assert milkbot(command).code == 2
    refused = milkbot(command, "--reason", "  ")
    assert refused.code == 1
    assert refused.sentences == ["milkbot: --reason is empty; say why, it is the record of this act"]
    with database.engine().connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ops.trading_states")) == 0


def test_rollups_report_what_they_recomputed(milkbot: Milkbot, database: TestDatabase) -> None:
    Facts(database.engine()).fill(TICKER, NOON)
    assert (
        milkbot("rollups").out == "recomputed: 1 city day, 1 strategy day, 1 equity day, 0 markouts, 0 scored events\n"
    )
    assert (
        milkbot("rollups").out
        == "recomputed: 0 city days, 0 strategy days, 0 equity days, 0 markouts, 0 scored events\n"
    )


def test_a_rebuild_prints_how_far_it_is(milkbot: Milkbot, database: TestDatabase) -> None:
    Facts(database.engine()).fill(TICKER, NOON)
    month, totals, whole = milkbot("rollups", "--rebuild").out.splitlines()
    assert re.fullmatch(r"1 of 2: demo 2026-08, \d+\.\d s: 1 city day, 1 strategy day, 29 equity days, .*", month)
    assert totals.startswith("2 of 2: demo totals, ")
    assert whole.startswith("rebuilt: 1 city day, 1 strategy day, ")
    assert (
        milkbot("rollups", "--rebuild", "--from", "2026-08-04").out.splitlines()[-1].startswith("rebuilt: 0 city days")
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--from", "2026-08-03"), "add --rebuild"),
        (("--rebuild", "--from", "2026-08-03", "--to", "2026-08-02"), "2026-08-03 is after 2026-08-02"),
        (("--rebuild", "--from", "yesterday"), "yesterday"),
    ],
)
def test_wrong_days_of_a_rebuild_are_refused(milkbot: Milkbot, given: tuple[str, ...], said: str) -> None:
    refused = milkbot("rollups", *given)
    assert refused.code == 2
    # The sentence stands in a box, which folds it where its line ends.
    assert said in " ".join(refused.err.replace("│", " ").split())


def test_release_command_prints_the_release(milkbot: Milkbot) -> None:
    assert milkbot("release").out == "dev\n"


def test_arming_is_refused_outside_of_live(milkbot: Milkbot, database: TestDatabase) -> None:
    refused = milkbot("arm-live")
    assert refused.code == 77
    assert refused.sentences == ["milkbot: TRADING_MODE is demo; set it to live before arming"]
    with database.engine().connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ops.live_armings")) == 0


def test_login_by_email_is_accepted_with_a_warning(milkbot: Milkbot) -> None:
    done = milkbot("orders", KALSHI_EMAIL="me@milkbot.test", KALSHI_PASSWORD="hunter2")
    assert done.code == 0
    assert "KALSHI_EMAIL and KALSHI_PASSWORD are not used" in done.err
    assert "hunter2" not in done.err
