"""Chances that do not sum up to one, or a mid of the wrong side, make a good forecaster look bad."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.domain.chances import LEAST, mid, to_one


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_chances_sum_up_to_one_and_none_is_zero(chances: list[float]) -> None:
    found = to_one(chances)
    assert sum(found) == pytest.approx(1)
    assert all(chance > 0 for chance in found)


def test_each_chance_counts_for_its_share_and_for_the_least_at_least() -> None:
    assert to_one([1, 3]) == [0.25, 0.75]
    assert to_one([0.0, 1.0]) == pytest.approx([LEAST / (1 + LEAST), 1 / (1 + LEAST)])


@pytest.mark.parametrize(
    ("bid", "ask", "between"),
    [
        ("0.40", "0.44", "0.42"),
        (None, "0.04", "0.02"),
        ("0.96", None, "0.98"),
        (None, None, None),
    ],
)
def test_the_mid_lies_half_way_and_an_empty_side_counts_as_its_bound(
    bid: str | None, ask: str | None, between: str | None
) -> None:
    quotes = [None if price is None else Decimal(price) for price in (bid, ask, between)]
    assert mid(quotes[0], quotes[1]) == quotes[2]
