"""The Normal model: half-degree edges, leads, and what was measured already."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.forecast import moments

from milkbot.domain.cities import Extreme
from milkbot.domain.markets import Strike, StrikeType
from milkbot.forecast.forecaster import NoForecast
from milkbot.forecast.normal import Normal, bracket_probabilities, spread_f

LADDER = (
    Strike(StrikeType.LESS, cap=28),
    Strike(StrikeType.BETWEEN, floor=28, cap=29),
    Strike(StrikeType.BETWEEN, floor=30, cap=31),
    Strike(StrikeType.BETWEEN, floor=32, cap=33),
    Strike(StrikeType.BETWEEN, floor=34, cap=35),
    Strike(StrikeType.GREATER, floor=35),
)


@given(st.floats(-40, 130), st.floats(0.5, 8), st.one_of(st.none(), st.floats(-40, 130)))
def test_a_ladder_always_sums_to_one(mean: float, sd: float, observed: float | None) -> None:
    chances = bracket_probabilities(mean, sd, LADDER, observed)
    assert sum(chances) == pytest.approx(1.0, abs=1e-9)
    assert all(0.0 <= chance <= 1.0 for chance in chances)


def test_a_two_degree_bracket_is_two_degrees_wide_not_one() -> None:
    bracket = Strike(StrikeType.BETWEEN, floor=32, cap=33)
    high = NormalDist(32.5, 2.1)
    assert bracket_probabilities(32.5, 2.1, [bracket])[0] == pytest.approx(high.cdf(33.5) - high.cdf(31.5))
    # The best possible hit rate at a spread of 2.1, of the study that the spreads come from.
    assert bracket_probabilities(32.5, 2.1, [bracket])[0] == pytest.approx(0.37, abs=0.005)


def test_a_bracket_below_the_measured_maximum_has_no_probability() -> None:
    chances = bracket_probabilities(31.0, 2.0, LADDER, observed_f=33.4)
    assert chances[:2] == (0.0, 0.0)
    assert chances[2] == 0.0
    assert chances[3] > 0.5


def test_a_bracket_within_rounding_of_the_measured_maximum_remains_possible() -> None:
    chances = bracket_probabilities(31.0, 2.0, LADDER, observed_f=32.0)
    assert chances[2] > 0.0


def test_the_spread_grows_with_lead_and_never_vanishes() -> None:
    leads = [-20.0, -1.0, 0.0, 3.0, 7.0, 15.0, 21.0, 28.0, 40.0, 48.0, 96.0, 200.0]
    spreads = [spread_f(lead) for lead in leads]
    assert all(early <= late for early, late in pairwise(spreads))
    assert spreads[0] == 1.2
    assert spread_f(7.0) == 2.1
    assert spread_f(28.0) == pytest.approx(2.7)
    assert spread_f(24.5) == pytest.approx((2.45 + 2.7) / 2)


def mirrored(strike: Strike) -> Strike:
    """The strike on a thermometer with its sign turned round."""
    if strike.kind is StrikeType.BETWEEN:
        return Strike(StrikeType.BETWEEN, floor=-(strike.cap or 0), cap=-(strike.floor or 0))
    if strike.kind is StrikeType.LESS:
        return Strike(StrikeType.GREATER, floor=-(strike.cap or 0))
    return Strike(StrikeType.LESS, cap=-(strike.floor or 0))


@given(st.floats(-40, 130), st.floats(0.5, 8), st.one_of(st.none(), st.floats(-40, 130)))
def test_a_low_is_a_high_on_a_thermometer_with_its_sign_turned_round(
    mean: float, sd: float, observed: float | None
) -> None:
    lows = bracket_probabilities(mean, sd, LADDER, observed, Extreme.LOW)
    turned = None if observed is None else -observed
    highs = bracket_probabilities(-mean, sd, [mirrored(strike) for strike in LADDER], turned)
    assert lows == pytest.approx(highs, abs=1e-9)
    assert sum(lows) == pytest.approx(1.0, abs=1e-9)


def test_a_bracket_above_the_measured_minimum_has_no_probability() -> None:
    chances = bracket_probabilities(33.0, 2.0, LADDER, observed_f=30.4, extreme=Extreme.LOW)
    assert chances[3:] == (0.0, 0.0, 0.0)
    assert chances[2] > 0.5


def test_a_bracket_within_rounding_of_the_measured_minimum_remains_possible() -> None:
    chances = bracket_probabilities(33.0, 2.0, LADDER, observed_f=31.0, extreme=Extreme.LOW)
    assert chances[3] > 0.0
    assert chances[4:] == (0.0, 0.0)


def test_the_forecaster_takes_the_spread_of_the_lead_and_the_bound_of_what_was_measured() -> None:
    seen = moments.event(mean_f=87.0, so_far_f=86.9)
    expected = bracket_probabilities(87.0, spread_f(4.0), moments.LADDER, 86.9, Extreme.HIGH)
    assert Normal().forecast(seen) == expected
    assert expected[0] == 0.0


def test_without_a_forecast_of_the_weather_there_is_none() -> None:
    assert Normal().needs_weather
    assert isinstance(Normal().forecast(moments.event(mean_f=None)), NoForecast)
