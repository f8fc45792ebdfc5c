"""The reliability table: a bucket holds its upper end, markets without a price are left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.score.samples import TWO, event, utc

from milkbot.score.evaluate import Answer, Evaluation
from milkbot.score.moments import parse
from milkbot.score.reliability import reliability
from milkbot.score.rules import score


def evaluation(*probabilities: float, priced: bool = True) -> Evaluation:
    """Events of two brackets whose cold one won and had these probabilities; only that one may have a price."""
    answers = [
        Answer(event(TWO, 40), utc("2024-11-20T15:00"), (p, 1 - p), (priced, False), score([[p, 1 - p]], [0])[0])
        for p in probabilities
    ]
    return Evaluation("given", parse("day10"), tuple(answers), {})


def test_a_bucket_holds_its_upper_end() -> None:
    found = reliability(evaluation(0.1, 0.1001, 0.2))
    assert [(one.low, one.high, one.markets) for one in found] == [(0.05, 0.1, 1), (0.1, 0.2, 2)]
    assert found[1].mean == pytest.approx(0.15005)
    assert found[1].frequency == 1.0


def test_a_market_without_a_price_is_left_out() -> None:
    assert reliability(evaluation(0.1, priced=False)) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_every_priced_market_is_in_one_bucket(probabilities: list[float]) -> None:
    found = reliability(evaluation(*probabilities))
    assert sum(one.markets for one in found) == len(probabilities)
    assert all(one.low <= one.mean <= one.high + 1e-12 for one in found)
