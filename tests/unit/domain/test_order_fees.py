"""A fee that is computed fill by fill, and not over the order, disagrees with the account by cents a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.strategies import COUNTS, FILLS, PRICES, START

from milkbot.domain.fees import BALANCE_STEP, FeeSchedule, FeeType
from milkbot.domain.order_fees import (
    DIRECT,
    NON_DIRECT,
    FillFee,
    Rounding,
    dearest,
    fill_fee,
    order_fees,
    worst_case_cost,
)
from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price, complement, count, price

PLAIN = FeeSchedule(FeeType.QUADRATIC, Decimal(1))
# The rule of before August 2026, under which the exchange's page showed whole tables.
BEFORE = Rounding(Decimal("0.0001"), Decimal("0.01"))


def row(fee: FillFee) -> tuple[Decimal, ...]:
    """Trade fee, rounding fee, rebate, net and what is carried on."""
    return fee.trade_fee, fee.rounding_fee, fee.rebate, fee.net, fee.carried


def numbers(text: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(part) for part in text.split())


def rows(revenue: str, model_fee: str, rounding: Rounding, fills: int) -> list[tuple[Decimal, ...]]:
    """The fees of an order that fills in equal parts."""
    fees: list[FillFee] = []
    for _ in range(fills):
        carried = fees[-1].carried if fees else Decimal(0)
        fees.append(fill_fee(Decimal(revenue), Decimal(model_fee), carried, rounding))
    return [row(fee) for fee in fees]


def test_the_exchanges_example_of_a_clearing_member_is_computed_exactly() -> None:
    fee = fill_fee(Decimal("-0.055"), Decimal("0.00363825"), Decimal(0), NON_DIRECT)
    assert row(fee)[:4] == numbers("0.003639 0.001361 0 0.005")


def test_the_exchanges_table_of_the_accumulator_is_computed_exactly() -> None:
    # Each fill overpays 0.004; the third has enough fee to give a cent back.
    fees = rows("-0.990", "0.006", NON_DIRECT, 3)
    assert [(part[2], part[4]) for part in fees] == [numbers("0 0.004"), numbers("0 0.008"), numbers("0.01 0.002")]


@pytest.mark.parametrize(
    ("revenue", "model_fee", "table"),
    [
        (
            "-0.055",
            "0.0085",
            [
                "0.0085 0.0065 0    0.0150 0.0065",
                "0.0085 0.0065 0.01 0.0050 0.0030",
                "0.0085 0.0065 0    0.0150 0.0095",
            ],
        ),
        (
            "-0.15",
            "0.0041",
            [
                "0.0041 0.0059 0    0.0100 0.0059",
                "0.0041 0.0059 0.01 0      0.0018",
                "0.0041 0.0059 0    0.0100 0.0077",
            ],
        ),
        (
            "-0.009903",
            "0.0005",
            [
                "0.0005 0.009597 0    0.010097 0.009597",
                "0.0005 0.009597 0.01 0.000097 0.009194",
                "0.0005 0.009597 0.01 0.000097 0.008791",
            ],
        ),
    ],
    ids=["price below a cent", "fractional count", "both"],
)
def test_the_exchanges_tables_of_three_fills_are_computed_to_the_last_digit(
    revenue: str, model_fee: str, table: list[str]
) -> None:
    assert rows(revenue, model_fee, BEFORE, 3) == [numbers(line) for line in table]


def test_a_direct_member_pays_the_formula_to_a_hundredth_of_a_cent() -> None:
    fills = [fill(BookSide.BID, "1", "0.055", n) for n in range(3)]
    assert [row(fee) for fee in order_fees(fills, PLAIN)] == [
        numbers("0.003639 0.000061 0      0.0037 0.000061"),
        numbers("0.003639 0.000061 0.0001 0.0036 0.000022"),
        numbers("0.003639 0.000061 0      0.0037 0.000083"),
    ]


def test_a_fee_overpaid_as_taker_is_rebated_to_the_maker() -> None:
    with_maker = FeeSchedule(FeeType.QUADRATIC_WITH_MAKER_FEES, Decimal(1))
    fills = [fill(BookSide.BID, "1", "0.055", 0), replace(fill(BookSide.BID, "1", "0.055", 1), is_taker=False)]
    taker, maker = order_fees(fills, with_maker)
    assert row(taker) == numbers("0.003639 0.000061 0 0.0037 0.000061")
    # 0.0175 x 0.055 x 0.945 = 0.00090956..., up to 0.00091; together they overpaid 0.000151.
    assert row(maker) == numbers("0.00091 0.00009 0.0001 0.0009 0.000051")


def test_a_rebate_never_makes_a_fee_negative() -> None:
    # A maker who pays nothing is rounded down by the price alone; there is no fee to give it back from.
    fee = fill_fee(Decimal("-0.05505"), Decimal(0), Decimal("0.00025"), DIRECT)
    assert row(fee) == numbers("0 0.00005 0 0.00005 0.0003")


def test_an_order_without_fills_costs_nothing() -> None:
    assert order_fees([], PLAIN) == ()


@given(FILLS)
def test_every_balance_is_on_its_grid_and_no_cent_is_lost(fills: list[Fill]) -> None:
    fees = order_fees(fills, PLAIN)
    carried = Decimal(0)
    for part, fee in zip(fills, fees, strict=True):
        signed = part.count * (-part.price if part.side is BookSide.BID else part.price)
        assert (signed - fee.net) % BALANCE_STEP == 0
        assert 0 <= fee.rounding_fee < BALANCE_STEP
        assert fee.net >= 0
        assert fee.carried == carried + fee.rounding_fee - fee.rebate
        carried = fee.carried
    assert sum(fee.net for fee in fees) == sum(fee.trade_fee for fee in fees) + carried


@given(FILLS)
def test_a_fill_has_the_same_fee_for_either_leg(fills: list[Fill]) -> None:
    # Selling YES at p is buying NO at 1 - p: the exchange's signed revenue differs by a whole number of cents.
    other = [replace(part, side=_other(part.side), price=complement(part.price)) for part in fills]
    assert [row(fee) for fee in order_fees(fills, PLAIN)] == [row(fee) for fee in order_fees(other, PLAIN)]


@given(st.integers(1, 60), PRICES, st.lists(PRICES, min_size=60, max_size=60))
def test_no_split_into_fills_costs_more_than_the_upper_bound(contracts: int, limit: Price, prices: list[Price]) -> None:
    fills = [fill(BookSide.BID, "1", str(min(limit, at)), n) for n, at in enumerate(prices[:contracts])]
    paid = sum(part.price for part in fills) + sum(fee.net for fee in order_fees(fills, PLAIN))
    assert paid <= contracts * limit + dearest(count(contracts), limit, PLAIN)


@given(COUNTS, PRICES)
def test_the_upper_bound_of_a_fee_is_close_to_the_formula(contracts: Count, at: Price) -> None:
    most, exact = dearest(contracts, at, PLAIN), PLAIN.model(contracts, at, is_taker=True)
    assert exact < most <= exact + (contracts + 1) * Decimal("0.000001") + 2 * BALANCE_STEP


@pytest.mark.parametrize(("side", "cost"), [(BookSide.BID, "0.3147"), (BookSide.ASK, "0.7147")])
def test_a_contract_costs_at_worst_its_leg_at_the_limit_and_a_takers_fee(side: BookSide, cost: str) -> None:
    assert worst_case_cost(side, price("0.30")) == Decimal(cost)


def fill(side: BookSide, contracts: str, at: str, number: int) -> Fill:
    when = START + timedelta(seconds=number)
    return Fill(f"f{number}", "o", "T", side, count(contracts), price(at), Cash(Decimal(0)), True, when)


def _other(side: BookSide) -> BookSide:
    return BookSide.ASK if side is BookSide.BID else BookSide.BID
