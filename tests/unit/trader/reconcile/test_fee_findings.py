"""An order that was charged more than its series ever named is found; a fee that nobody can price is not judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.unit.trader.ledger import DEMO, Ledger

from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.order_fees import order_fees
from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.trader.reconcile import charged_fees
from milkbot.trader.reconcile.findings import FindingKind, Found

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
TICKER = "KXHIGHNY-26AUG03-B86.5"
PLAIN = FeeSchedule(FeeType.QUADRATIC, Decimal(1))
DOUBLE = FeeSchedule(FeeType.QUADRATIC, Decimal(2))
TEN, PRICE = Count(Decimal(10)), Price(Decimal("0.40"))
DEAR = Fill("fill-1", "venue-1", TICKER, BookSide.BID, TEN, PRICE, Cash(Decimal("0.20")), True, NOW)
DUE = order_fees([DEAR], PLAIN)[0].net
BEFORE = NOW - timedelta(days=1)


@pytest.fixture(autouse=True)
def named(ledger: Ledger) -> None:
    """The series names one schedule."""
    ledger.schedules = {"KXHIGHNY": frozenset({PLAIN})}


def compare(ledger: Ledger, *fills: Fill) -> list[Found]:
    for fill in fills:
        ledger.add_fill(fill)
    with ledger.session() as session:
        return charged_fees.compare(session, DEMO, NOW)


def closed(ledger: Ledger, at: datetime, kind: FindingKind = FindingKind.FEE_MISMATCH) -> None:
    ledger.save_finding(kind=kind, subject="venue-1", closed_at=at)


def test_an_order_that_was_charged_too_much_is_a_finding_with_both_sides(ledger: Ledger) -> None:
    (found,) = compare(ledger, DEAR)
    assert found == Found(
        FindingKind.FEE_MISMATCH,
        "venue-1",
        f"{TICKER}: order venue-1 was charged 0.2000 dollars in fees, {DUE:.4f} by the fees that its "
        f"series names ({PLAIN.text}); check the exchange's notices, then run: milkbot reconcile --close ID --note ...",
        ours={"fees": str(DUE), "schedule": PLAIN.text},
        theirs={"fees": "0.20"},
        ticker=TICKER,
    )


def test_each_schedule_that_the_series_was_seen_with_is_named(ledger: Ledger) -> None:
    ledger.schedules = {"KXHIGHNY": frozenset({PLAIN, DOUBLE})}
    (found,) = compare(ledger, replace(DEAR, fee=Cash(Decimal("0.50"))))
    assert found.ours["schedule"] == ", ".join(sorted([PLAIN.text, DOUBLE.text]))


def test_an_order_that_was_charged_as_named_is_no_finding(ledger: Ledger) -> None:
    assert compare(ledger, replace(DEAR, fee=Cash(DUE))) == []


@pytest.mark.parametrize(("age", "found"), [(timedelta(days=1), 1), (timedelta(days=1, seconds=1), 0)])
def test_only_orders_with_a_fill_of_the_last_day_are_judged(ledger: Ledger, age: timedelta, found: int) -> None:
    assert len(compare(ledger, replace(DEAR, filled_at=NOW - age))) == found


@pytest.mark.parametrize(
    ("ago", "found"), [(timedelta(days=2), 0), (timedelta(days=2, seconds=1), 1)], ids=["lately", "long ago"]
)
def test_an_order_that_the_operator_judged_is_not_found_again(ledger: Ledger, ago: timedelta, found: int) -> None:
    closed(ledger, NOW - ago)
    assert len(compare(ledger, DEAR)) == found


def test_a_finding_of_another_kind_does_not_excuse_a_fee(ledger: Ledger) -> None:
    closed(ledger, NOW, FindingKind.ORDER_STATE)
    assert len(compare(ledger, DEAR)) == 1


def test_each_order_is_judged_by_all_of_its_own_fills(ledger: Ledger) -> None:
    """Two orders, in the order of their names; a third is of a series that is not ours."""
    other = replace(DEAR, fill_id="fill-2", order_id="venue-0")
    fed = replace(DEAR, fill_id="fill-3", order_id="venue-2", ticker="KXFED-26SEP-T4.00")
    old = replace(DEAR, fill_id="fill-4", filled_at=BEFORE - timedelta(hours=1))
    found = compare(ledger, DEAR, other, fed, old)
    assert [one.subject for one in found] == ["venue-0", "venue-1"]
    assert found[1].theirs == {"fees": "0.40"}


def test_a_series_that_names_no_fees_is_not_judged(ledger: Ledger) -> None:
    ledger.schedules = {}
    assert compare(ledger, DEAR) == []
