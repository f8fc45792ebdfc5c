"""Every order at the exchange has to count: one that the ledger lacks is taken in once, under its own name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.unit.trader.ledger import DEMO, Ledger

from milkbot.db.ops import Order
from milkbot.domain.orders import BookSide, OrderState
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.trader.reconcile import adoption
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.venue.values import VenueOrder, VenueOrderStatus

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
SENT = NOW - timedelta(minutes=5)
TICKER = "KXHIGHNY-26AUG03-B86.5"
TEN, NONE = Count(Decimal(10)), Count(Decimal(0))
PRICE = Price(Decimal("0.40"))
BY_HAND = VenueOrder(
    order_id="venue-1",
    client_order_id="by-hand",
    ticker=TICKER,
    side=BookSide.ASK,
    status=VenueOrderStatus.RESTING,
    price=PRICE,
    initial_count=TEN,
    fill_count=NONE,
    remaining_count=TEN,
    created_at=SENT,
    exchange_index=3,
    expires_at=NOW + timedelta(minutes=10),
)
OURS = replace(BY_HAND, client_order_id="mb-1")


def adopt(ledger: Ledger, *listed: VenueOrder) -> list[Found]:
    with ledger.session() as session:
        return adoption.adopt(session, DEMO, listed, NOW)


def known(ledger: Ledger, **values: str | None) -> Order:
    return ledger.add_order(OrderState.RESTING, **{"client_order_id": "mb-9", "venue_order_id": "venue-9", **values})


def test_a_manual_order_is_adopted_as_manual(ledger: Ledger) -> None:
    """Its own name may be anything, so the ledger gives it one."""
    (found,) = adopt(ledger, BY_HAND)
    (row,) = ledger.orders
    assert (row.client_order_id, row.venue_order_id, row.origin) == ("hand-demo-venue-1", "venue-1", "manual")
    assert row.strategy_name == "unknown"
    assert found == Found(
        FindingKind.MANUAL_ORDER,
        "venue-1",
        "order venue-1 was not in our ledger; it was placed by somebody else and is in it now",
        ours={"order": None},
        theirs={
            "order_id": "venue-1",
            "client_order_id": "by-hand",
            "ticker": TICKER,
            "side": "ask",
            "price": "0.40",
            "status": "resting",
            "fill_count": "0",
            "remaining_count": "10",
        },
        ticker=TICKER,
    )


def test_a_lost_order_is_adopted_under_its_name(ledger: Ledger) -> None:
    (found,) = adopt(ledger, OURS)
    (row,) = ledger.orders
    assert (row.client_order_id, row.venue_order_id, row.origin) == ("mb-1", "venue-1", "found")
    assert row.strategy_name == "normal-by-lead"
    assert (found.kind, found.subject) == (FindingKind.LOST_ORDER, "venue-1")
    assert found.message == "order venue-1 was not in our ledger; it is ours by its name and is in it now"


def test_an_order_is_adopted_with_all_its_fields(ledger: Ledger) -> None:
    adopt(ledger, BY_HAND)
    (row,) = ledger.orders
    assert (row.ticker, row.event_ticker, row.city_code) == (TICKER, "KXHIGHNY-26AUG03", "NYC")
    assert (row.climate_day, row.side, row.price, row.count) == (date(2026, 8, 3), BookSide.ASK, PRICE, TEN)
    assert (row.time_in_force, row.exchange_index) == ("good_till_canceled", 3)
    assert (row.created_at, row.updated_at, row.expires_at) == (SENT, NOW, BY_HAND.expires_at)
    assert row.state == OrderState.PENDING


def test_an_order_without_a_name_or_a_time_is_adopted_as_of_now(ledger: Ledger) -> None:
    (found,) = adopt(ledger, replace(BY_HAND, client_order_id="", created_at=None))
    assert found.theirs["client_order_id"] is None
    assert ledger.orders[0].created_at == NOW


@pytest.mark.parametrize(("initial", "filled", "remaining", "count"), [(10, 4, 6, 10), (0, 4, 6, 10), (12, 4, 6, 12)])
def test_an_order_is_adopted_at_the_largest_size_that_it_had(
    ledger: Ledger, initial: int, filled: int, remaining: int, count: int
) -> None:
    size, part, rest = (Count(Decimal(number)) for number in (initial, filled, remaining))
    adopt(ledger, replace(BY_HAND, initial_count=size, fill_count=part, remaining_count=rest))
    assert ledger.orders[0].count == count


def test_an_order_that_is_listed_twice_is_adopted_once(ledger: Ledger) -> None:
    assert len(adopt(ledger, BY_HAND, BY_HAND)) == 1
    assert len(ledger.orders) == 1
    assert adopt(ledger, BY_HAND) == []


@pytest.mark.parametrize("values", [{"venue_order_id": "venue-1"}, {"client_order_id": "mb-1", "venue_order_id": None}])
def test_an_order_that_the_ledger_knows_by_either_id_is_not_adopted(
    ledger: Ledger, values: dict[str, str | None]
) -> None:
    known(ledger, **values)
    assert adopt(ledger, OURS) == []
    assert len(ledger.orders) == 1


def test_one_known_order_does_not_hide_another(ledger: Ledger) -> None:
    known(ledger, venue_order_id="venue-1")
    (found,) = adopt(ledger, OURS, replace(OURS, order_id="venue-2", client_order_id="mb-2"))
    assert found.subject == "venue-2"


def test_orders_of_another_series_and_those_over_without_a_fill_do_not_count(ledger: Ledger) -> None:
    over = replace(BY_HAND, status=VenueOrderStatus.CANCELED, remaining_count=NONE)
    assert adopt(ledger, replace(BY_HAND, ticker="KXFED-26SEP-T4.00"), over) == []
    assert ledger.orders == []


@pytest.mark.parametrize(("filled", "remaining"), [("0", "0.01"), ("0.01", "0")])
def test_the_smallest_part_filled_or_open_counts(ledger: Ledger, filled: str, remaining: str) -> None:
    part, rest = Count(Decimal(filled)), Count(Decimal(remaining))
    assert len(adopt(ledger, replace(BY_HAND, fill_count=part, remaining_count=rest))) == 1


def test_a_fill_whose_order_nobody_lists_is_a_finding(ledger: Ledger) -> None:
    fee = Cash(Decimal("0.17"))
    ledger.add_fill(Fill("fill-1", "venue-1", TICKER, BookSide.BID, TEN, PRICE, fee, True, NOW))
    ledger.add_fill(Fill("fill-2", "venue-2", TICKER, BookSide.BID, TEN, PRICE, fee, True, NOW))
    ledger.add_fill(Fill("fill-3", "venue-3", TICKER, BookSide.BID, TEN, PRICE, fee, True, NOW), order_id=1)
    with ledger.session() as session:
        found = adoption.unknown_fills(session, DEMO, [replace(OURS, order_id="venue-2")])
    assert found == [
        Found(
            FindingKind.UNKNOWN_FILL,
            "fill-1",
            "fill fill-1 is of order venue-1, which the exchange does not list",
            ours={"order": None},
            theirs={"fill": "fill-1", "order_id": "venue-1", "count": "10"},
            ticker=TICKER,
        )
    ]
