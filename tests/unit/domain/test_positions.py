"""A position that drifts from its fills sizes every later order wrongly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from tests.unit.domain.strategies import COUNTS, FILLS, PRICES, START

from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill, Position, execution_order, fold
from milkbot.domain.units import ONE, Cash, Count, Price, cash, count, price

TINY = Decimal("1e-15")


def fill(side: BookSide, contracts: str, at: str, fee: str = "0") -> Fill:
    return Fill("f", "o", "T", side, count(contracts), price(at), cash(fee), True, START)


def parts(held: Position) -> tuple[Decimal, Decimal, Decimal]:
    """Signed count, cost and realized dollars."""
    return held.signed_count, held.cost, held.realized


def numbers(*texts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(text) for text in texts)


def test_buying_yes_costs_its_price() -> None:
    held = fold("T", [fill(BookSide.BID, "10", "0.30", "0.147"), fill(BookSide.BID, "10", "0.50")])
    assert parts(held) == numbers("20", "8.0", "0")
    assert held.fees == Decimal("0.147")


def test_buying_no_costs_the_other_price() -> None:
    held = fold("T", [fill(BookSide.ASK, "10", "0.30")])
    assert parts(held) == numbers("-10", "7.0", "0")


def test_selling_a_part_realizes_its_share_of_the_cost() -> None:
    held = fold("T", [fill(BookSide.BID, "10", "0.30"), fill(BookSide.ASK, "4", "0.50")])
    assert parts(held) == numbers("6", "1.8", "0.8")


def test_closing_no_pays_the_no_legs_price() -> None:
    held = fold("T", [fill(BookSide.ASK, "10", "0.30"), fill(BookSide.BID, "10", "0.20")])
    assert parts(held) == numbers("0", "0", "1.0")


def test_a_fill_through_zero_closes_one_leg_and_opens_the_other() -> None:
    held = fold("T", [fill(BookSide.BID, "10", "0.30"), fill(BookSide.ASK, "15", "0.40")])
    assert parts(held) == numbers("-5", "3.0", "1.0")


def test_settlement_pays_the_leg_that_won() -> None:
    yes = fold("T", [fill(BookSide.BID, "10", "0.30")])
    no = fold("T", [fill(BookSide.ASK, "10", "0.30")])
    assert (yes.settled(price("1")), yes.settled(price("0"))) == (Decimal(7), Decimal(-3))
    assert (no.settled(price("1")), no.settled(price("0"))) == (Decimal(-7), Decimal(3))
    assert (yes.settled(price("0.45")), no.settled(price("0.45"))) == (Decimal("1.5"), Decimal("-1.5"))
    assert Position.flat("T").settled(price("1")) == 0


@given(FILLS)
def test_the_count_is_what_was_bought_less_what_was_sold(fills: list[Fill]) -> None:
    held = fold("T", fills)
    assert held.signed_count == sum(f.count if f.side is BookSide.BID else -f.count for f in fills)
    assert held.fees == sum(f.fee for f in fills)


@given(FILLS, PRICES)
def test_cash_is_conserved_whatever_the_market_settles_at(fills: list[Fill], yes_value: Price) -> None:
    held = fold("T", fills)
    # Worth by cash alone: each YES bought pays its value and cost its price, each NO the complements.
    worth = sum(f.count * (yes_value - f.price) * (ONE if f.side is BookSide.BID else -ONE) for f in fills)
    assert abs(held.realized + held.settled(yes_value) - worth) < TINY * 10**6


@given(FILLS)
def test_the_cost_of_a_position_is_between_zero_and_a_dollar_per_contract(fills: list[Fill]) -> None:
    held = fold("T", fills)
    assert -TINY <= held.cost <= abs(held.signed_count) + TINY


@given(COUNTS, PRICES)
def test_a_round_trip_at_one_price_earns_nothing(contracts: Count, at: Price) -> None:
    bought = Fill("a", "o", "T", BookSide.BID, contracts, at, Cash(Decimal(0)), True, START)
    sold = replace(bought, fill_id="b", side=BookSide.ASK, filled_at=START + timedelta(seconds=1))
    for order in ([bought, sold], [sold, bought]):
        assert fold("T", order) == Position.flat("T")


def test_a_closed_position_keeps_its_market() -> None:
    assert Position.flat("T") == Position("T", count(0), cash(0), cash(0), cash(0))


@pytest.mark.parametrize(
    "executed",
    [
        [("z", "o", BookSide.ASK, "0.55", 0), ("a", "o", BookSide.ASK, "0.47", 0)],  # the best bid first
        [("z", "o", BookSide.BID, "0.47", 0), ("a", "o", BookSide.BID, "0.55", 0)],  # the best offer first
        [("z", "o", BookSide.BID, "0.90", 0), ("a", "o", BookSide.BID, "0.10", 1)],  # a moment before the price
        [("z", "1", BookSide.BID, "0.90", 0), ("a", "2", BookSide.BID, "0.10", 0)],  # one order after the other
        [("a", "o", BookSide.BID, "0.50", 0), ("b", "o", BookSide.BID, "0.50", 0)],  # always the same
    ],
)
def test_fills_are_sorted_by_time(executed: list[tuple[str, str, BookSide, str, int]]) -> None:
    fills = [
        replace(fill(side, "1", at), fill_id=name, order_id=order_id, filled_at=START + timedelta(seconds=seconds))
        for name, order_id, side, at, seconds in executed
    ]
    assert [sorted(came, key=execution_order) for came in permutations(fills)] == [fills, fills]
