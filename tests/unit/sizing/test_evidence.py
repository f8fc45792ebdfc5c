"""Evidence of skill: nobody is taken for better by luck, however often one looks; who is better is found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.sizing.evidence import ALPHA, DayGain, Standing, evidence


def _days(seed: int, count: int, mean: float, scatter: float = 0.02) -> list[DayGain]:
    """Days whose gain is `mean` in the long run, and as far from it as coins of two values put it."""
    draws = random.Random(seed)
    return [DayGain(mean + draws.choice((-scatter, scatter)), mean - scatter, mean + scatter) for _ in range(count)]


@st.composite
def days(draw: st.DrawFn) -> list[DayGain]:
    """Any days at all."""
    bounds = st.floats(-2.0, 2.0)
    triples = draw(st.lists(st.tuples(bounds, bounds, bounds).map(sorted), max_size=60))
    return [DayGain(gain, least, most) for least, gain, most in triples]


def test_without_a_day_nothing_is_proven() -> None:
    found = evidence([])
    assert (found.days, found.mean, found.standing) == (0, 0.0, Standing.UNPROVEN)


def test_a_forecaster_that_answers_the_market_is_never_better_or_worse() -> None:
    found = evidence([DayGain(0.0, 0.0, 0.0)] * 5000)
    assert (found.wealth_for, found.wealth_against) == pytest.approx((1.0, 1.0))
    assert found.standing is Standing.UNPROVEN


def test_luck_is_taken_for_skill_no_more_often_than_promised() -> None:
    # Each of 400 forecasters without skill is looked at after every one of 500 days.
    lucky = sum(evidence(_days(seed, 500, 0.0)).standing is Standing.BETTER for seed in range(400))
    assert lucky <= 400 * ALPHA


def test_a_better_forecaster_is_found_and_the_other_one_too() -> None:
    better = [evidence(_days(seed, 1000, 0.004)).standing for seed in range(50)]
    worse = [evidence(_days(seed, 1000, -0.004)).standing for seed in range(50)]
    assert better.count(Standing.BETTER) >= 48
    assert worse.count(Standing.WORSE) >= 48


def test_a_forecaster_that_loses_its_skill_is_worse_and_not_still_better() -> None:
    assert evidence([*_days(1, 800, 0.005), *_days(2, 3000, -0.005)]).standing is Standing.WORSE


def test_days_that_luck_explains_prove_nothing() -> None:
    # Four coins show heads once in sixteen times, which is more often than ALPHA.
    assert evidence([DayGain(0.02, -0.02, 0.02)] * 4).standing is Standing.UNPROVEN


@given(days())
def test_no_day_ruins_a_gambler(seen: list[DayGain]) -> None:
    found = evidence(seen)
    assert found.wealth_for >= 1.0
    assert found.wealth_against >= 1.0


@given(days())
def test_who_bets_on_the_market_sees_the_same_days_mirrored(seen: list[DayGain]) -> None:
    found, mirrored = evidence(seen), evidence([day.reversed() for day in seen])
    assert (found.wealth_for, found.wealth_against) == (mirrored.wealth_against, mirrored.wealth_for)


def test_a_gain_that_could_not_have_been_is_refused() -> None:
    with pytest.raises(ValueError, match="not between"):
        DayGain(0.3, -0.1, 0.1)
