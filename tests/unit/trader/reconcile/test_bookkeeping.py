"""Each fill and settlement counts once, and a late one gives the figures that it would have given in time."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from tests.traded_day import ALL, BOUGHT, EVENT, MORE, NEXT_DAY, NOON, SOLD, TICKER
from tests.unit.trader.ledger import DEMO, Ledger

from milkbot.domain.orders import BookSide, OrderState
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.trader.reconcile import bookkeeping
from milkbot.venue.values import VenueSettlement

DAY = date(2026, 8, 3)


FED = replace(BOUGHT, fill_id="fed", ticker="KXFED-26SEP-T4.00")
WON = VenueSettlement(
    ticker=TICKER,
    event_ticker=EVENT,
    result="yes",
    yes_value=Price(Decimal(1)),
    yes_count=Count(Decimal(5)),
    no_count=Count(Decimal(0)),
    yes_cost=Cash(Decimal(0)),
    no_cost=Cash(Decimal(0)),
    revenue=Cash(Decimal(5)),
    fees=Cash(Decimal(0)),
    settled_at=NEXT_DAY,
)
LOST = replace(WON, result="no", yes_value=Price(Decimal(0)))
TRADED = {("city", "NYC", DAY), ("strategy", "unknown", DAY), ("equity", "", DAY)}


def book(ledger: Ledger, *fills: Fill, at: datetime = NEXT_DAY) -> int:
    with ledger.session() as session:
        return bookkeeping.record_fills(session, DEMO, fills, at=at)


def settle(ledger: Ledger, *settlements: VenueSettlement, at: datetime = NEXT_DAY) -> int:
    with ledger.session() as session:
        return bookkeeping.record_settlements(session, DEMO, settlements, at=at)


def figures(row: object, names: str) -> list[object]:
    """These columns of a row."""
    return [getattr(row, name) for name in names.split()]


def paid(ledger: Ledger) -> list[object]:
    return figures(ledger.settlements[TICKER], "result signed_count cost revenue realized_pnl")


def test_a_fill_is_stored_with_all_its_fields(ledger: Ledger) -> None:
    ledger.add_order(OrderState.FILLED, venue_order_id="order-bought")
    assert book(ledger, BOUGHT) == 1
    (row,) = ledger.fills
    assert figures(row, "trading_mode venue_fill_id venue_order_id order_id") == [DEMO, "bought", "order-bought", 1]
    assert figures(row, "ticker event_ticker city_code climate_day") == [TICKER, EVENT, "NYC", DAY]
    assert figures(row, "side count price fee") == [BookSide.BID, 10, Decimal("0.40"), Decimal("0.10")]
    assert figures(row, "realized_pnl is_taker filled_at recorded_at") == [0, True, NOON, NEXT_DAY]


def test_a_fill_whose_order_is_unknown_waits_for_it(ledger: Ledger) -> None:
    book(ledger, BOUGHT)
    assert ledger.fills[0].order_id is None


def test_a_position_is_stored_with_all_its_fields(ledger: Ledger) -> None:
    book(ledger, BOUGHT)
    row = ledger.positions[TICKER]
    assert figures(row, "trading_mode ticker event_ticker city_code") == [DEMO, TICKER, EVENT, "NYC"]
    assert figures(row, "climate_day signed_count cost fees") == [DAY, 10, Decimal(4), Decimal("0.1")]
    assert figures(row, "realized_pnl is_closed opened_at updated_at") == [0, False, NOON, NEXT_DAY]


def test_a_repeated_fill_is_recorded_once(ledger: Ledger) -> None:
    assert book(ledger, BOUGHT, MORE, BOUGHT) == 2
    assert book(ledger, BOUGHT) == 0
    assert ledger.positions[TICKER].signed_count == 20


def test_a_fill_of_another_series_is_skipped_alone(ledger: Ledger) -> None:
    assert book(ledger, FED, MORE) == 1
    assert [row.venue_fill_id for row in ledger.fills] == ["more"]


@pytest.mark.parametrize("order", list(permutations(ALL)), ids=lambda order: "-".join(one.fill_id for one in order))
@pytest.mark.parametrize("at_once", [True, False])
def test_fills_in_any_order_give_the_same_figures(ledger: Ledger, order: tuple[Fill, ...], *, at_once: bool) -> None:
    """15 of 20 sold at 0.70 that cost 0.50 on average."""
    for part in [order] if at_once else [(one,) for one in order]:
        book(ledger, *part)
    realized = {row.venue_fill_id: row.realized_pnl for row in ledger.fills}
    assert realized == {"bought": 0, "more": 0, "sold": 3}
    row = ledger.positions[TICKER]
    assert figures(row, "signed_count cost fees realized_pnl is_closed") == [
        5,
        Decimal("2.5"),
        Decimal("0.3"),
        3,
        False,
    ]


def test_each_sale_realizes_its_own_part_alone(ledger: Ledger) -> None:
    """20 cost 0.50 on average: 15 are sold at 0.70, then 5 at 0.80."""
    last = replace(SOLD, fill_id="last", count=Count(Decimal(5)), price=Price(Decimal("0.80")), filled_at=NEXT_DAY)
    book(ledger, *ALL, last)
    realized = {row.venue_fill_id: row.realized_pnl for row in ledger.fills}
    assert realized == {"bought": 0, "more": 0, "sold": 3, "last": Decimal("1.5")}
    assert ledger.positions[TICKER].realized_pnl == Decimal("4.5")


def test_a_position_of_nothing_is_closed(ledger: Ledger) -> None:
    book(ledger, BOUGHT, replace(SOLD, count=Count(Decimal(10))))
    assert ledger.positions[TICKER].is_closed is True


def test_a_fill_marks_the_rollups_of_its_market_and_its_day(ledger: Ledger) -> None:
    book(ledger, BOUGHT)
    assert ledger.touched == TRADED


def test_a_fill_counts_for_its_day_in_utc_whatever_the_zone_of_the_machine(ledger: Ledger) -> None:
    # Fourteen hours ahead of UTC it is the next day already.
    with pytest.MonkeyPatch.context() as machine:
        machine.setenv("TZ", "AHEAD-14")
        time.tzset()
        book(ledger, BOUGHT)
    time.tzset()
    assert ledger.touched == TRADED


def test_a_repeated_fill_marks_nothing(ledger: Ledger) -> None:
    book(ledger, BOUGHT)
    ledger.touched.clear()
    book(ledger, BOUGHT)
    assert ledger.touched == set()


def test_a_late_fill_marks_the_day_that_it_changes(ledger: Ledger) -> None:
    """What was sold the next day realizes something else."""
    sold = replace(SOLD, filled_at=NEXT_DAY, count=Count(Decimal(10)))
    book(ledger, BOUGHT, sold)
    ledger.touched.clear()
    book(ledger, MORE)
    assert ("equity", "", NEXT_DAY.date()) in ledger.touched


def test_a_settlement_is_stored_with_all_its_fields_and_closes_its_position(ledger: Ledger) -> None:
    book(ledger, *ALL)
    assert settle(ledger, WON, at=NEXT_DAY + timedelta(hours=1)) == 1
    row = ledger.settlements[TICKER]
    assert figures(row, "trading_mode ticker event_ticker city_code") == [DEMO, TICKER, EVENT, "NYC"]
    assert figures(row, "climate_day yes_value settled_at") == [DAY, 1, NEXT_DAY]
    assert row.recorded_at == NEXT_DAY + timedelta(hours=1)
    assert paid(ledger) == ["yes", 5, Decimal("2.5"), 5, Decimal("2.5")]
    position = ledger.positions[TICKER]
    assert figures(position, "is_closed updated_at") == [True, NEXT_DAY + timedelta(hours=1)]


def test_a_repeated_settlement_counts_once(ledger: Ledger) -> None:
    book(ledger, *ALL)
    assert (settle(ledger, WON), settle(ledger, WON)) == (1, 0)
    assert ledger.corrections == []
    assert ledger.risk_events == []


def test_a_settlement_of_another_series_is_skipped_alone(ledger: Ledger) -> None:
    fed = replace(WON, ticker="KXFED-26SEP-T4.00", settled_at=NOON)
    assert settle(ledger, fed, WON) == 1
    assert ledger.settlements.keys() == {TICKER}


def test_a_settlement_marks_the_rollups_of_its_market_and_its_day(ledger: Ledger) -> None:
    settle(ledger, WON)
    assert ledger.touched == {*TRADED - {("equity", "", DAY)}, ("equity", "", NEXT_DAY.date())}


@pytest.mark.parametrize("late", ALL, ids=lambda one: one.fill_id)
def test_a_fill_that_comes_after_the_settlement_corrects_it_and_opens_nothing(ledger: Ledger, late: Fill) -> None:
    book(ledger, *(one for one in ALL if one is not late))
    settle(ledger, WON)
    ledger.touched.clear()
    book(ledger, late)
    assert paid(ledger) == ["yes", 5, Decimal("2.5"), 5, Decimal("2.5")]
    assert ledger.positions[TICKER].is_closed is True
    assert ("equity", "", NEXT_DAY.date()) in ledger.touched


def test_a_settlement_that_comes_before_any_fill_pays_nothing_until_one_comes(ledger: Ledger) -> None:
    settle(ledger, WON)
    assert paid(ledger) == ["yes", 0, 0, 0, 0]
    book(ledger, *ALL)
    assert paid(ledger) == ["yes", 5, Decimal("2.5"), 5, Decimal("2.5")]


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=1)], ids=["in its place", "once more"])
def test_a_corrected_settlement_takes_the_place_of_the_first(ledger: Ledger, later: timedelta) -> None:
    book(ledger, *ALL)
    settle(ledger, WON)
    ledger.touched.clear()
    corrected, at = replace(LOST, settled_at=NEXT_DAY + later), NEXT_DAY + timedelta(days=2)
    assert settle(ledger, corrected, at=at) == 1
    assert paid(ledger) == ["no", 5, Decimal("2.5"), 0, Decimal("-2.5")]
    assert ledger.settlements[TICKER].settled_at == corrected.settled_at
    days = {day for bucket, _, day in ledger.touched if bucket == "equity"}
    assert days == {NEXT_DAY.date(), corrected.settled_at.date()}
    ((before, after, recorded_at),) = ledger.corrections
    assert (before, after["result"], after["realized_pnl"], recorded_at) == ("yes", "no", Decimal("-2.5"), at)
    assert ledger.risk_events == [
        {
            "event_type": "settlement_corrected",
            "severity": "warning",
            "message": f"{TICKER} had settled as yes (1) and is no (0) now",
            "city_code": "NYC",
            "ticker": TICKER,
            "payload": {"revenue_before": "5.00", "revenue": "0.00"},
            "event_time": at,
        }
    ]


@pytest.mark.parametrize("again", [replace(WON, yes_value=Price(Decimal("0.5"))), replace(WON, result="void")])
def test_another_value_or_another_result_alone_is_a_correction(ledger: Ledger, again: VenueSettlement) -> None:
    settle(ledger, WON)
    assert settle(ledger, again) == 1
    assert len(ledger.corrections) == 1


def test_an_earlier_settlement_does_not_revert_its_correction(ledger: Ledger) -> None:
    """The list may hold both, in any order."""
    corrected = replace(LOST, settled_at=NEXT_DAY + timedelta(hours=5))
    assert settle(ledger, corrected, WON) == 2
    assert settle(ledger, WON) == 0
    assert ledger.settlements[TICKER].result == "no"


@pytest.mark.parametrize("ticker", [TICKER, "KXFED-26SEP-T4.00"])
def test_an_order_that_was_found_gets_its_earlier_fills(ledger: Ledger, ticker: str) -> None:
    order = ledger.add_order(OrderState.FILLED, ticker=ticker, venue_order_id="order-bought")
    ledger.add_fill(replace(BOUGHT, ticker=ticker))
    ledger.add_fill(MORE)
    with ledger.session() as session:
        bookkeeping.adopt_fills(session, DEMO, order)
    assert [row.order_id for row in ledger.fills] == [order.id, None]
    ours = {*TRADED, ("strategy", "normal-by-lead", DAY)}
    assert ledger.touched == (ours if ticker == TICKER else set())
