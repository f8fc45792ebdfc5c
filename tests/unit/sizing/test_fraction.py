"""Sizes: no bet without an edge, and never more than the caps."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from milkbot.domain.units import Cash, Count
from milkbot.sizing.fraction import SizingRules, kelly_fraction, target_count

RULES = SizingRules(Decimal("0.25"), Cash(Decimal("19.84")), Count(Decimal(200)))
WEALTH = Cash(Decimal("992.10"))
chances = st.decimals("0", "1", places=4)
costs = st.decimals("0.01", "0.99", places=4)


def test_kelly_fraction_of_a_fair_coin_at_forty_cents_is_one_sixth() -> None:
    # b = 0.6 / 0.4 = 1.5, f = (1.5 * 0.5 - 0.5) / 1.5
    assert kelly_fraction(Decimal("0.5"), Decimal("0.4")).quantize(Decimal("0.0001")) == Decimal("0.1667")


@given(chances, costs)
def test_nothing_is_bought_without_an_edge(chance: Decimal, cost: Decimal) -> None:
    if chance <= cost:
        assert target_count(chance, cost, WEALTH, RULES) == 0


@given(chances, costs)
def test_no_order_stakes_more_than_its_cap_or_breaks_a_contract(chance: Decimal, cost: Decimal) -> None:
    count = target_count(chance, cost, WEALTH, RULES)
    assert count * cost <= RULES.max_stake
    assert count <= RULES.max_count
    assert count == count.to_integral_value()


@given(chances, costs)
def test_less_money_never_buys_more(chance: Decimal, cost: Decimal) -> None:
    poor = target_count(chance, cost, Cash(WEALTH / 2), RULES)
    assert poor <= target_count(chance, cost, WEALTH, RULES)


def test_an_empty_or_overdrawn_account_buys_nothing() -> None:
    assert target_count(Decimal("0.9"), Decimal("0.5"), Cash(Decimal(0)), RULES) == 0
    assert target_count(Decimal("0.9"), Decimal("0.5"), Cash(Decimal(-5)), RULES) == 0


def test_a_contract_that_costs_a_dollar_is_never_bought() -> None:
    assert target_count(Decimal(1), Decimal(1), WEALTH, RULES) == 0
    assert target_count(Decimal(1), Decimal("1.0004"), WEALTH, RULES) == 0
