"""An edge that forgets a part of the fee is a loss that looks like a profit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.strategies import COUNTS, PRICES

from milkbot.domain.fees import FeeSchedule, FeeType, aligned
from milkbot.domain.units import CASH_STEP, Cash, Count, Price, complement, count, price, round_up

PLAIN = FeeSchedule(FeeType.QUADRATIC, Decimal(1))
WITH_MAKER = FeeSchedule(FeeType.QUADRATIC_WITH_MAKER_FEES, Decimal(1))


def test_the_exchanges_own_example_is_computed_to_the_millionth() -> None:
    assert PLAIN.taker(count(1), price("0.055")) == Decimal("0.003639")


@pytest.mark.parametrize(
    ("contracts", "at", "charged"),
    [("14.11", "0.84", "0.1328"), ("9.13", "0.53", "0.1592"), ("21.75", "0.17", "0.2149"), ("1", "0.49", "0.0175")],
)
def test_computed_fees_equal_those_of_real_fills(contracts: str, at: str, charged: str) -> None:
    # Charged under the rule of before August 2026, which rounded up to 0.0001: as the balance still is.
    assert aligned(PLAIN.taker(count(contracts), price(at))) == Decimal(charged)


def test_the_highest_fee_of_a_contract_is_one_and_three_quarter_cents() -> None:
    assert PLAIN.taker(count(1), price("0.5")) == Decimal("0.0175")


def test_makers_pay_nothing_on_weather_and_a_quarter_of_the_fee_elsewhere() -> None:
    assert PLAIN.maker(count(100), price("0.5")) == 0
    assert WITH_MAKER.maker(count(100), price("0.5")) == Decimal("0.4375")


def test_a_multiplier_multiplies_and_zero_is_free() -> None:
    assert FeeSchedule(FeeType.QUADRATIC, Decimal(2)).taker(count(1), price("0.5")) == Decimal("0.035")
    assert FeeSchedule(FeeType.QUADRATIC, Decimal(0)).taker(count(1), price("0.5")) == 0


@given(COUNTS, PRICES)
def test_both_legs_pay_the_same_and_never_less_than_the_formula(contracts: Count, at: Price) -> None:
    fee = PLAIN.taker(contracts, at)
    exact = Decimal("0.07") * contracts * at * (1 - at)
    assert fee == PLAIN.taker(contracts, complement(at))
    assert exact <= fee < exact + CASH_STEP
    assert WITH_MAKER.maker(contracts, at) <= fee


@given(COUNTS, COUNTS, PRICES)
def test_splitting_an_order_never_makes_it_cheaper(one: Count, other: Count, at: Price) -> None:
    together = PLAIN.taker(Count(one + other), at)
    assert together <= PLAIN.taker(one, at) + PLAIN.taker(other, at)


@given(COUNTS, PRICES)
def test_the_balance_shows_whole_hundredths_of_a_cent(contracts: Count, at: Price) -> None:
    fee = PLAIN.taker(contracts, at)
    assert aligned(fee) == round_up(fee, Decimal("0.0001")) >= fee
    assert aligned(Cash(aligned(fee))) == aligned(fee)


def test_an_unknown_fee_type_is_priced_as_the_dearest() -> None:
    flat = FeeSchedule(FeeType("flat"), Decimal(1))
    assert not flat.is_known
    assert PLAIN.is_known
    assert WITH_MAKER.is_known
    assert flat.taker(count(100), price("0.5")) == Decimal("1.75")
    assert flat.maker(count(100), price("0.5")) == Decimal("0.4375")


@given(st.sampled_from(FeeType), st.decimals(0, 10, places=4))
def test_a_fee_schedule_is_read_back_as_it_was_written(fee_type: FeeType, multiplier: Decimal) -> None:
    schedule = FeeSchedule(fee_type, multiplier)
    assert FeeSchedule.of_text(schedule.text) == schedule


@pytest.mark.parametrize(
    "text",
    ["", "quadratic", "quadratic x", "quadratic x -1", "quadratic x 1e9", "quadratic x NaN", "quadratic x 1 x 1"],
)
def test_text_that_is_no_fee_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a fee schedule"):
        FeeSchedule.of_text(text)
