"""An order moves by proof alone: what a list shows, or what a list that is fresh enough does not show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.trader.ledger import DEMO, Ledger

from milkbot.db.ops import Order
from milkbot.domain.orders import BookSide, OrderEvent, OrderState
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.trader.reconcile import evidence
from milkbot.trader.reconcile.evidence import Evidence, Listing
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.venue.values import VenueOrder, VenueOrderStatus

SENT = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
NOW = SENT + timedelta(minutes=30)
DEADLINE = timedelta(minutes=10)
TICKER = "KXHIGHNY-26AUG03-B86.5"
TEN, NONE, PRICE = Count(Decimal(10)), Count(Decimal(0)), Price(Decimal("0.40"))
LISTED = VenueOrder(
    "venue-1", "mb-1", TICKER, BookSide.BID, VenueOrderStatus.RESTING, PRICE, TEN, NONE, TEN, SENT, updated_at=SENT
)
FILL = Fill("fill-1", "venue-1", TICKER, BookSide.BID, TEN, PRICE, Cash(Decimal("0.17")), True, SENT)
FILLED = replace(LISTED, status=VenueOrderStatus.EXECUTED, fill_count=TEN, remaining_count=NONE)
OVER = replace(LISTED, status=VenueOrderStatus.CANCELED, remaining_count=NONE)


def sent(ledger: Ledger, state: OrderState, **values: Any) -> Order:
    row: dict[str, Any] = {
        "client_order_id": "mb-1",
        "ticker": TICKER,
        "created_at": SENT,
        "updated_at": SENT,
        "state_reason": "before",
        **values,
    }
    return ledger.add_order(state, **row)


def look(
    ledger: Ledger, *orders: VenueOrder, as_of: datetime = NOW, unlisted: str = "", at: datetime = NOW
) -> Evidence:
    listing = Listing(orders, as_of, at, frozenset({unlisted}) if unlisted else frozenset())
    with ledger.session() as session:
        return evidence.apply(session, DEMO, listing, DEADLINE)


@pytest.mark.parametrize(("seconds", "state"), [(59, OrderState.UNKNOWN), (60, OrderState.REJECTED)])
def test_absence_is_proved_a_minute_after_the_commit_began_whenever_it_was_decided(
    ledger: Ledger, seconds: int, state: OrderState
) -> None:
    """It may be sent until then, and the decision may be minutes older."""
    row = sent(ledger, OrderState.UNKNOWN, created_at=SENT - timedelta(minutes=3), sent_at=SENT)
    look(ledger, as_of=SENT + timedelta(seconds=seconds), at=SENT + timedelta(seconds=seconds))
    assert row.state == state


@pytest.mark.parametrize("was", [OrderState.PENDING, OrderState.UNKNOWN])
@pytest.mark.parametrize(
    ("listed", "state", "event"),
    [
        (LISTED, OrderState.RESTING, OrderEvent.RESTED),
        (replace(LISTED, fill_count=Count(Decimal("0.01"))), OrderState.PARTIALLY_FILLED, OrderEvent.FILLED_IN_PART),
        (FILLED, OrderState.FILLED, OrderEvent.FILLED),
        (OVER, OrderState.CANCELED, OrderEvent.CANCELED),
    ],
)
def test_an_order_of_unknown_outcome_is_what_the_list_shows(
    ledger: Ledger, was: OrderState, listed: VenueOrder, state: OrderState, event: OrderEvent
) -> None:
    row = sent(ledger, was)
    assert look(ledger, listed) == Evidence()
    assert (row.state, row.state_event, row.state_reason) == (state, event, "listed")
    assert (row.venue_order_id, row.updated_at) == ("venue-1", NOW)


def test_an_order_is_known_by_the_id_of_the_exchange_whatever_name_it_shows(ledger: Ledger) -> None:
    row = sent(ledger, OrderState.RESTING, client_order_id="hand-demo-venue-1", venue_order_id="venue-1")
    assert look(ledger, replace(FILLED, client_order_id="")) == Evidence()
    assert row.state == OrderState.FILLED


def test_an_order_that_is_listed_gets_the_fills_that_came_before_it(ledger: Ledger) -> None:
    row = sent(ledger, OrderState.UNKNOWN)
    ledger.add_fill(FILL)
    look(ledger, FILLED)
    assert [fill.order_id for fill in ledger.fills] == [row.id]
    assert ledger.touched == {
        ("city", "NYC", date(2026, 8, 3)),
        ("strategy", "normal-by-lead", date(2026, 8, 3)),
        ("strategy", "unknown", date(2026, 8, 3)),
        ("equity", "", SENT.date()),
    }


def test_a_list_that_says_less_than_is_known_changes_nothing(ledger: Ledger) -> None:
    row = sent(ledger, OrderState.PARTIALLY_FILLED, venue_order_id="venue-1")
    look(ledger, LISTED)
    assert (row.state, row.state_reason) == (OrderState.PARTIALLY_FILLED, "before")


def test_an_order_that_is_as_it_was_keeps_its_reason(ledger: Ledger) -> None:
    row = sent(ledger, OrderState.RESTING)
    look(ledger, LISTED)
    assert (row.state, row.state_reason, row.venue_order_id) == (OrderState.RESTING, "before", "venue-1")


@pytest.mark.parametrize(
    ("ended", "event"),
    [(15, OrderEvent.EXPIRED), (14, OrderEvent.CANCELED), (None, OrderEvent.EXPIRED)],
    ids=["at its end", "before its end", "at an unknown time"],
)
def test_an_order_that_ended_at_its_expiry_has_expired(ledger: Ledger, ended: int | None, event: OrderEvent) -> None:
    row = sent(ledger, OrderState.RESTING, expires_at=SENT + timedelta(minutes=15))
    updated = None if ended is None else SENT + timedelta(minutes=ended)
    look(ledger, replace(OVER, updated_at=updated))
    assert (row.state, row.state_event) == (OrderState.CANCELED, event)


def test_an_order_that_is_open_after_its_expiry_has_not_expired(ledger: Ledger) -> None:
    row = sent(ledger, OrderState.RESTING, expires_at=SENT)
    look(ledger, FILLED)
    assert (row.state, row.state_event) == (OrderState.FILLED, OrderEvent.FILLED)


def test_an_absent_order_keeps_what_the_exchange_had_answered(ledger: Ledger) -> None:
    answered = sent(ledger, OrderState.UNKNOWN, state_reason="its outcome is unknown: HTTP 409 brand_new; it counts")
    never = sent(ledger, OrderState.PENDING, client_order_id="mb-2", state_reason=None)
    look(ledger, as_of=SENT + timedelta(minutes=1))
    absent = "absent at the exchange as of 2026-08-03T15:01:00+00:00"
    assert [row.state_reason for row in (answered, never)] == [f"{absent}, after HTTP 409 brand_new", absent]


@pytest.mark.parametrize("was", [OrderState.PENDING, OrderState.UNKNOWN])
def test_an_order_that_a_fresh_list_lacks_does_not_exist(ledger: Ledger, was: OrderState) -> None:
    row = sent(ledger, was)
    as_of = SENT + timedelta(seconds=60)
    assert look(ledger, as_of=as_of) == Evidence()
    assert (row.state, row.state_event, row.updated_at) == (OrderState.REJECTED, OrderEvent.ABSENT, NOW)
    assert row.state_reason == "absent at the exchange as of 2026-08-03T15:01:00+00:00"


@pytest.mark.parametrize("was", [OrderState.PENDING, OrderState.UNKNOWN])
def test_an_order_of_unknown_outcome_remains_unknown_without_proof(ledger: Ledger, was: OrderState) -> None:
    row = sent(ledger, was)
    seen = look(ledger, as_of=SENT + timedelta(seconds=59), at=SENT + DEADLINE - timedelta(seconds=1))
    assert (seen.unresolved, seen.found) == ([row], [])
    assert row.state == was


def test_an_order_is_not_rejected_while_its_market_has_an_unlisted_one(ledger: Ledger) -> None:
    row = sent(ledger, OrderState.UNKNOWN)
    assert look(ledger, unlisted=TICKER).unresolved == [row]
    assert row.state == OrderState.UNKNOWN
    look(ledger, unlisted="KXHIGHNY-26AUG03-B84.5")
    assert row.state == OrderState.REJECTED


@pytest.mark.parametrize("was", [OrderState.RESTING, OrderState.PARTIALLY_FILLED])
def test_an_order_that_the_exchange_had_never_counts_as_absent(ledger: Ledger, was: OrderState) -> None:
    row = sent(ledger, was, venue_order_id="venue-1")
    assert look(ledger).unresolved == [row]
    assert row.state == was


def test_an_order_unexplained_at_the_deadline_is_overdue(ledger: Ledger) -> None:
    row = sent(ledger, OrderState.UNKNOWN)
    seen = look(ledger, as_of=SENT, at=SENT + DEADLINE)
    assert seen.unresolved == [row]
    assert seen.found == [
        Found(
            FindingKind.ORDER_OVERDUE,
            "mb-1",
            "order mb-1 is unknown since 2026-08-03T15:00:00+00:00 and the exchange does not list it; if you know what "
            "became of it: milkbot orders resolve 1 --as ... --reason ...",
            ours={"state": "unknown", "since": "2026-08-03T15:00:00+00:00", "reason": "before"},
            theirs={"listed": "no", "as_of": "2026-08-03T15:00:00+00:00"},
            ticker=TICKER,
        )
    ]


def test_every_open_order_is_checked(ledger: Ledger) -> None:
    sent(ledger, OrderState.UNKNOWN, client_order_id="mb-2")
    row = sent(ledger, OrderState.UNKNOWN)
    look(ledger, FILLED)
    assert [order.state for order in ledger.orders] == [OrderState.REJECTED, OrderState.FILLED]
    assert row.venue_order_id == "venue-1"


@pytest.mark.parametrize(
    ("was", "listed", "state", "event"),
    [
        (OrderState.REJECTED, LISTED, OrderState.RESTING, OrderEvent.FOUND_RESTING),
        (OrderState.CANCELED, replace(LISTED, fill_count=TEN), OrderState.PARTIALLY_FILLED, "found_filled_in_part"),
        (OrderState.CANCELED, FILLED, OrderState.FILLED, OrderEvent.FOUND_FILLED),
        (OrderState.REJECTED, replace(OVER, fill_count=TEN), OrderState.CANCELED, OrderEvent.FOUND_CANCELED),
    ],
)
def test_an_order_over_in_the_ledger_but_open_at_the_exchange_is_a_finding(
    ledger: Ledger, was: OrderState, listed: VenueOrder, state: OrderState, event: str
) -> None:
    row = sent(ledger, was)
    ledger.add_fill(FILL)
    (found,) = look(ledger, listed, as_of=SENT + timedelta(seconds=60)).found
    assert (row.state, row.state_event, row.state_reason) == (state, event, "found")
    assert (row.venue_order_id, row.updated_at) == ("venue-1", NOW)
    assert [fill.order_id for fill in ledger.fills] == [row.id]
    assert (found.kind, found.subject, found.ticker) == (FindingKind.ORDER_STATE, "mb-1", TICKER)
    assert found.message == f"order mb-1 was {was} in our ledger, and the exchange says {state}"
    assert found.ours == {"state": was, "since": SENT.isoformat(), "reason": "before"}
    assert found.theirs == {"status": listed.status, "order_id": "venue-1", "fill_count": str(listed.fill_count)}


def test_an_order_that_existed_and_got_nothing_is_no_finding(ledger: Ledger) -> None:
    row = sent(ledger, OrderState.REJECTED)
    assert look(ledger, OVER).found == []
    assert row.state == OrderState.CANCELED


@pytest.mark.parametrize(
    ("was", "listed", "age"),
    [(OrderState.CANCELED, LISTED, 59), (OrderState.FILLED, LISTED, 600), (OrderState.CANCELED, OVER, 600)],
    ids=["a list too old", "nothing leads out of filled", "the same"],
)
def test_a_list_that_proves_nothing_does_not_reopen_an_order(
    ledger: Ledger, was: OrderState, listed: VenueOrder, age: int
) -> None:
    row = sent(ledger, was)
    assert look(ledger, listed, as_of=SENT + timedelta(seconds=age)) == Evidence()
    assert (row.state, row.state_reason) == (was, "before")


def test_an_order_that_ends_during_the_reading_is_no_finding(ledger: Ledger) -> None:
    sent(ledger, OrderState.RESTING)
    assert look(ledger, OVER, as_of=NOW) == Evidence()


def test_listed_orders_without_a_name_are_matched_to_none(ledger: Ledger) -> None:
    row = sent(ledger, OrderState.CANCELED, client_order_id="")
    assert look(ledger, replace(FILLED, client_order_id="")) == Evidence()
    assert row.state == OrderState.CANCELED
