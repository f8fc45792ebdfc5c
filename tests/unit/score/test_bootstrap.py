"""Intervals: days are drawn whole, the same data has the same interval."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.score.bootstrap import Interval, interval

DAYS = [date(2024, 2, 27) + timedelta(days=number) for number in range(6)]


def test_the_interval_is_that_of_the_definition() -> None:
    days = [DAYS[number] for number in (0, 0, 1, 2, 2, 2, 3, 4, 5)]
    values = [0.1, 0.5, 0.3, 0.9, 0.2, 0.4, 0.75, 0.01, 0.33]
    weights = [1, 2, 6, 1, 1, 3, 2, 6, 1]
    drawn = np.random.default_rng(1).integers(0, 6, (2000, 6))
    for weighed, weight in ((None, [1] * 9), (weights, weights)):
        of_day = [[number for number, day in enumerate(days) if day == one] for one in DAYS]
        sums = np.array([sum(values[number] * weight[number] for number in mine) for mine in of_day])
        counts = np.array([sum(weight[number] for number in mine) for mine in of_day])
        means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        found = interval(days, values, weighed)
        assert found is not None
        assert (found.low, found.high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])))


@given(st.permutations(range(6)))
def test_the_order_of_the_events_does_not_matter(order: list[int]) -> None:
    values = [0.1, 0.7, 0.2, 0.9, 0.4, 0.3]
    found = interval([DAYS[number] for number in order], [values[number] for number in order])
    assert found == interval(DAYS, values)


def test_events_of_one_day_are_never_drawn_apart() -> None:
    assert interval([DAYS[0]] * 3, [0.0, 0.5, 1.0]) == Interval(0.5, 0.5)


def test_a_difference_of_zero_on_each_event_has_the_interval_zero() -> None:
    assert interval(DAYS, [0.0] * 6) == Interval(0.0, 0.0)


def test_a_lower_level_has_a_narrower_interval() -> None:
    wide, narrow = interval(DAYS, [0, 1, 0, 1, 1, 0]), interval(DAYS, [0, 1, 0, 1, 1, 0], level=50)
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low <= narrow.high < wide.high


def test_nothing_has_no_interval() -> None:
    assert interval([], []) is None
