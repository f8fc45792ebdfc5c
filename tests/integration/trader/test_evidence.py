"""What the exchange's lists prove and what they do not: an order moved by less, or left by more, is a wrong book."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.exchange import TRADER
from tests.postgres import TestDatabase

from milkbot.db import orders as order_rows
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide, OrderIntent, OrderState, TimeInForce
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.trader.reconcile import adoption, evidence
from milkbot.trader.reconcile.bookkeeping import record_fills
from milkbot.trader.reconcile.evidence import Listing
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.venue.values import VenueOrder, VenueOrderStatus

DEMO = TradingMode.DEMO
SENT = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
NOW = SENT + timedelta(minutes=30)
TICKER = "KXHIGHNY-26AUG03-B86.5"
DEADLINE = timedelta(minutes=10)
TEN, PRICE, NONE = Count(Decimal(10)), Price(Decimal("0.40")), Count(Decimal(0))
LISTED = VenueOrder(
    "venue-1", "mb-1", TICKER, BookSide.BID, VenueOrderStatus.RESTING, PRICE, TEN, NONE, TEN, SENT, updated_at=SENT
)
FILL = Fill("fill-1", "venue-1", TICKER, BookSide.BID, TEN, PRICE, Cash(Decimal("0.17")), True, SENT)


@pytest.fixture
def session(database: TestDatabase) -> Iterator[Session]:
    """The trader's own session, never committed."""
    with Session(database.engine(TRADER)) as open_session:
        yield open_session


def placed(session: Session, *states: OrderState, expires_at: datetime | None = None) -> int:
    """An order of ours that went through those states when it was sent."""
    intent = OrderIntent(
        "mb-1", TICKER, BookSide.BID, TEN, PRICE, TimeInForce.GOOD_TILL_CANCELED, 0, SENT, expires_at=expires_at
    )
    context = order_rows.IntentContext(None, "KXHIGHNY-26AUG03", "NYC", date(2026, 8, 3), "s", 1)
    order_id = order_rows.commit_intent(session, intent, context, mode=DEMO, at=intent.created_at)
    for state in states:
        order_rows.move(session, order_rows.order_by_id(session, order_id), state, at=SENT, reason=None)
    return order_id


def reconcile(session: Session, *orders: VenueOrder, as_of: datetime = NOW) -> list[Found]:
    return evidence.apply(session, DEMO, Listing(orders, as_of, NOW), DEADLINE).found


def state_of(session: Session, order_id: int) -> tuple[str, str | None]:
    order = order_rows.order_by_id(session, order_id)
    return order.state, order.state_event


@pytest.mark.parametrize(
    ("was", "status", "filled", "state"),
    [
        (OrderState.REJECTED, VenueOrderStatus.RESTING, 0, OrderState.RESTING),
        (OrderState.REJECTED, VenueOrderStatus.RESTING, 4, OrderState.PARTIALLY_FILLED),
        (OrderState.REJECTED, VenueOrderStatus.EXECUTED, 10, OrderState.FILLED),
        (OrderState.REJECTED, VenueOrderStatus.CANCELED, 4, OrderState.CANCELED),
        (OrderState.CANCELED, VenueOrderStatus.RESTING, 0, OrderState.RESTING),
        (OrderState.CANCELED, VenueOrderStatus.EXECUTED, 10, OrderState.FILLED),
    ],
)
def test_order_open_at_the_exchange_against_the_ledger_is_reopened_and_found(
    session: Session, was: OrderState, status: VenueOrderStatus, filled: int, state: OrderState
) -> None:
    order_id = placed(session, was)
    count = Count(Decimal(filled))
    (found,) = reconcile(session, replace(LISTED, status=status, fill_count=count, remaining_count=Count(TEN - count)))
    assert found.kind is FindingKind.ORDER_STATE
    assert found.message == f"order mb-1 was {was} in our ledger, and the exchange says {state}"
    assert state_of(session, order_id)[0] == state
    assert str(state_of(session, order_id)[1]).startswith("found_")


def test_stale_list_does_not_reopen_a_canceled_order(session: Session) -> None:
    order_id = placed(session, OrderState.RESTING, OrderState.CANCELED)
    assert reconcile(session, LISTED, as_of=SENT + timedelta(seconds=59)) == []
    assert state_of(session, order_id)[0] == "canceled"


def test_stale_list_does_not_revert_a_fill(session: Session) -> None:
    order_id = placed(session, OrderState.PARTIALLY_FILLED)
    assert reconcile(session, LISTED) == []
    assert state_of(session, order_id)[0] == "partially_filled"


def test_order_that_ended_at_its_expiry_is_recorded_as_expired(session: Session) -> None:
    order_id = placed(session, OrderState.RESTING, expires_at=SENT + timedelta(minutes=15))
    over = replace(LISTED, status=VenueOrderStatus.CANCELED, remaining_count=NONE)
    reconcile(session, replace(over, updated_at=SENT + timedelta(minutes=15)))
    assert state_of(session, order_id) == ("canceled", "expired")


def test_order_canceled_before_its_expiry_is_recorded_as_canceled(session: Session) -> None:
    order_id = placed(session, OrderState.RESTING, expires_at=SENT + timedelta(minutes=15))
    over = replace(LISTED, status=VenueOrderStatus.CANCELED, remaining_count=NONE)
    reconcile(session, replace(over, updated_at=SENT + timedelta(minutes=14)))
    assert state_of(session, order_id) == ("canceled", "canceled")


@pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.RESTING, OrderState.PARTIALLY_FILLED])
def test_overdue_order_is_reported_with_the_command_to_resolve_it(session: Session, state: OrderState) -> None:
    """The exchange answers, but its lists are as old as the order: nothing is proved."""
    order_id = placed(session, state)
    (found,) = reconcile(session, as_of=SENT)
    assert found.kind is FindingKind.ORDER_OVERDUE
    assert f"milkbot orders resolve {order_id} --as ... --reason ..." in found.message
    assert state_of(session, order_id)[0] == state


def test_order_sent_a_moment_ago_is_not_overdue(session: Session) -> None:
    placed(session, OrderState.UNKNOWN)
    listing = Listing((), SENT, SENT + DEADLINE - timedelta(seconds=1))
    seen = evidence.apply(session, DEMO, listing, DEADLINE)
    assert seen.found == []
    assert [order.client_order_id for order in seen.unresolved] == ["mb-1"]


def test_unlisted_order_is_rejected_only_once_its_absence_is_proved(session: Session) -> None:
    order_id = placed(session, OrderState.UNKNOWN)
    reconcile(session, as_of=SENT + timedelta(seconds=59))
    assert state_of(session, order_id)[0] == "unknown"
    reconcile(session, as_of=SENT + timedelta(seconds=60))
    assert state_of(session, order_id) == ("rejected", "absent")


def test_unlisted_order_in_the_queue_is_not_rejected(session: Session) -> None:
    order_id = placed(session, OrderState.UNKNOWN)
    listing = Listing((), NOW, NOW, frozenset({TICKER}))
    (found,) = evidence.apply(session, DEMO, listing, DEADLINE).found
    assert found.kind is FindingKind.ORDER_OVERDUE
    assert state_of(session, order_id)[0] == "unknown"
    evidence.apply(session, DEMO, replace(listing, unlisted=frozenset({"KXHIGHNY-26AUG03-B84.5"})), DEADLINE)
    assert state_of(session, order_id)[0] == "rejected"


def test_fill_of_an_unlisted_order_is_a_finding(session: Session) -> None:
    record_fills(session, DEMO, [FILL], at=NOW)
    (found,) = adoption.unknown_fills(session, DEMO, [])
    assert found.kind is FindingKind.UNKNOWN_FILL
    assert (found.subject, found.theirs["order_id"]) == ("fill-1", "venue-1")
    assert adoption.unknown_fills(session, DEMO, [LISTED]) == []


def test_order_is_adopted_once(session: Session) -> None:
    lost = replace(LISTED, client_order_id="", fill_count=Count(Decimal(4)), remaining_count=Count(Decimal(6)))
    record_fills(session, DEMO, [replace(FILL, count=Count(Decimal(4)))], at=NOW)
    (found,) = adoption.adopt(session, DEMO, [lost, lost], NOW)
    assert found.kind is FindingKind.MANUAL_ORDER
    assert adoption.adopt(session, DEMO, [lost], NOW) == []
    reconcile(session, lost)
    stored = session.execute(text("SELECT client_order_id, state, origin FROM ops.orders")).all()
    assert [tuple(row) for row in stored] == [("hand-demo-venue-1", "partially_filled", "manual")]
    assert session.scalar(text("SELECT count(*) FROM ops.fills WHERE order_id IS NULL")) == 0


@pytest.mark.parametrize(
    "order",
    [
        replace(LISTED, ticker="KXFED-26SEP-T4.00"),
        replace(LISTED, status=VenueOrderStatus.CANCELED, remaining_count=NONE),
    ],
    ids=["another series", "over without a fill"],
)
def test_order_of_another_series_is_not_adopted(session: Session, order: VenueOrder) -> None:
    assert adoption.adopt(session, DEMO, [order], NOW) == []
    assert session.scalar(text("SELECT count(*) FROM ops.orders")) == 0
