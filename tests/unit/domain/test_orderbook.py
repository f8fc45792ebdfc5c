"""A missing side that reads as a price is an order at zero."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.strategies import COUNTS, PRICES, START

from milkbot.domain.orderbook import Level, OrderBook, best_first
from milkbot.domain.units import Count, Price, count, price

SIDES = st.lists(st.tuples(PRICES, COUNTS), max_size=6)


def orderbook(yes: list[tuple[Price, Count]], no: list[tuple[Price, Count]]) -> OrderBook:
    return OrderBook("T", best_first(yes), best_first(no), START)


def test_an_ask_is_one_minus_the_other_legs_best_bid_with_its_size() -> None:
    both = orderbook([(price("0.30"), count(8))], [(price("0.69"), count(63)), (price("0.01"), count(5))])
    assert both.best_yes_ask == Level(price("0.31"), count(63))
    assert both.best_no_ask == Level(price("0.70"), count(8))
    assert (both.spread, both.mid) == (Decimal("0.01"), Decimal("0.305"))


def test_an_empty_side_has_no_price() -> None:
    one_sided = orderbook([(price("0.30"), count(8))], [])
    assert (one_sided.best_yes_ask, one_sided.best_no_bid, one_sided.spread, one_sided.mid) == (None, None, None, None)
    assert one_sided.best_no_ask is not None


def test_a_level_without_contracts_is_ignored() -> None:
    assert orderbook([(price("0.99"), count(0))], []).best_yes_bid is None


@given(SIDES, SIDES)
def test_the_best_bid_is_the_highest_and_both_legs_agree_on_the_spread(
    yes: list[tuple[Price, Count]], no: list[tuple[Price, Count]]
) -> None:
    found = orderbook(yes, no)
    assert [level.price for level in found.yes_bids] == sorted((p for p, _ in yes), reverse=True)
    if found.best_no_ask is not None and found.best_no_bid is not None:
        assert found.spread == found.best_no_ask.price - found.best_no_bid.price
