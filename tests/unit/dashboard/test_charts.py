"""Points to drawings."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.dashboard.site.charts import WIDTH, line_chart, nice_ticks

FIRST = date(2026, 11, 1)
VALUES = st.integers(-100_000_000, 100_000_000).map(lambda cents: cents / 100)
"""Dollars, to the cent: what the page draws."""
A_TENTH_OF_A_CENT = 0.001


@given(st.lists(VALUES, min_size=1, max_size=60), VALUES)
def test_a_line_is_within_its_drawing_and_its_axis(values: list[float], start: float) -> None:
    points = [(FIRST + timedelta(days=number), value) for number, value in enumerate(values)]
    chart = line_chart(points, start, height=300)
    places = [tuple(map(float, place.split())) for place in chart.line[1:].split("L")]
    assert len(places) == len(values) + 1
    assert [across for across, _ in places] == sorted(across for across, _ in places)
    assert (places[0][0], places[-1][0]) == (0, WIDTH)
    assert all(0 <= down <= 300 for _, down in places)
    # A tick is a float, and not always the decimal that it stands for.
    assert chart.ticks[-1] <= min(*values, start) + A_TENTH_OF_A_CENT
    assert max(*values, start) <= chart.ticks[0] + A_TENTH_OF_A_CENT
    assert places[0][1] == chart.start_y


@given(VALUES, VALUES)
def test_ticks_are_few_and_at_even_distances(one: float, other: float) -> None:
    ticks = nice_ticks(min(one, other), max(one, other))
    assert 2 <= len(ticks) <= 5
    steps = [high - low for low, high in pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_days_are_labelled_from_the_day_before_the_first_to_the_last() -> None:
    points = [(FIRST + timedelta(days=number), 0.0) for number in range(8)]
    labels = line_chart(points, 0.0).days
    assert labels == tuple(FIRST + timedelta(days=number) for number in (-1, 1, 3, 5, 7))


def test_one_day_is_a_line_already() -> None:
    chart = line_chart([(FIRST, 10.0)], 5.0)
    assert chart.line.count("L") == 1
    assert chart.days == (FIRST - timedelta(days=1), FIRST)
