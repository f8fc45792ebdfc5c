"""When a charge is too much: the exchange's own rounding never is, a dearer schedule always."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.strategies import FILLS

from milkbot.domain.fees import BALANCE_STEP, FeeSchedule, FeeType
from milkbot.domain.order_fees import order_fees
from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.units import ZERO, Cash, Count, Price
from milkbot.trader.reconcile.charged_fees import too_much

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
PLAIN = FeeSchedule(FeeType.QUADRATIC, Decimal(1))
DEARER = FeeSchedule(FeeType.QUADRATIC, Decimal("1.25"))


def charged(fills: list[Fill], schedule: FeeSchedule) -> list[Fill]:
    """The fills with the fees that a schedule asks."""
    fees = order_fees(fills, schedule)
    return [replace(fill, fee=Cash(fee.net)) for fill, fee in zip(fills, fees, strict=True)]


@given(FILLS, st.randoms(use_true_random=False))
def test_fees_are_accepted_whatever_the_order_of_the_fills(fills: list[Fill], chance: Random) -> None:
    paid = charged(fills, PLAIN)
    chance.shuffle(paid)
    assert too_much(paid[: chance.randint(0, len(paid))], [PLAIN]) is None


@given(FILLS.filter(lambda fills: sum(PLAIN.model(f.count, f.price, is_taker=True) for f in fills) > Decimal("0.05")))
def test_fees_of_a_dearer_schedule_are_found(fills: list[Fill]) -> None:
    both = too_much(charged(fills, DEARER), [PLAIN])
    assert both is not None
    assert both[0] > both[1]


def test_a_charge_is_too_much_beyond_a_balance_step_for_each_fill_and_one_more() -> None:
    price, count = Price(Decimal("0.40")), Count(Decimal(10))
    fill = Fill("fill", "venue", "KXHIGHNY-26AUG03-B86.5", BookSide.BID, count, price, Cash(ZERO), True, NOW)
    due = order_fees([fill], PLAIN)[0].net
    most = due + 2 * BALANCE_STEP
    assert too_much([replace(fill, fee=Cash(most))], [PLAIN]) is None
    more = most + BALANCE_STEP / 100
    assert too_much([replace(fill, fee=Cash(more))], [PLAIN]) == (more, due)


@given(FILLS)
def test_fees_of_an_earlier_schedule_of_the_series_are_accepted(fills: list[Fill]) -> None:
    assert too_much(charged(fills, DEARER), [PLAIN, DEARER]) is None


@given(FILLS)
def test_fees_of_an_unknown_schedule_are_not_judged(fills: list[Fill]) -> None:
    paid = charged(fills, DEARER)
    assert too_much(paid, []) is None
    assert too_much(paid, [PLAIN, FeeSchedule(FeeType.UNKNOWN, Decimal(1))]) is None
