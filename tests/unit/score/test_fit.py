"""Fitting the anchored forecaster to invented events whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.score.samples import LADDER, event

from milkbot.domain.units import Price
from milkbot.forecast.inputs import PointForecast, Quote
from milkbot.score.events import RecordedEvent
from milkbot.score.fit import Fit, FitError, fit
from milkbot.score.recording import Known, Recording
from milkbot.score.samples import STARTS

HIGHS = (45, 50, 52, 54, 56, 60)
"""One for each bracket."""
SERIES = ("KXHIGHNY", "KXHIGHCHI", "KXHIGHMIA", "KXHIGHAUS", "KXHIGHDEN")
DAYS = [date(2024, 8, 16) + timedelta(days=number) for number in range(160)]
MORNING, EVENING = "day10", "day19"

Chances = NDArray[np.float64]


class Told:
    """A market whose mids are given."""

    def __init__(self, mids: Mapping[str, Chances]) -> None:
        self._mids = mids

    def known(self, event: RecordedEvent, moment: datetime) -> Sequence[Known]:
        prices = [Price(Decimal(f"{mid:.4f}")) for mid in self._mids[event.ticker]]
        return [Known(Quote(price, price, moment - timedelta(seconds=1), moment)) for price in prices]


def recording(
    truth: Callable[[Chances], Chances],
    *,
    days: Sequence[date] = DAYS,
    is_told: bool = False,
    other_end: date | None = None,
) -> Recording:
    """Events of five cities whose winners are drawn by what the truth makes of the market's chances.

    With `is_told` the weather service knows the winner. From `other_end` on other brackets win.
    """
    draw = np.random.default_rng(5)
    events, mids, forecasts = [], {}, {}
    for day in days:
        for series in SERIES:
            chances = draw.dirichlet([1.0] * len(LADDER)) * 0.97 + 0.005
            right = truth(chances)
            winner = int(draw.choice(len(LADDER), p=right / right.sum()))
            if other_end is not None and day >= other_end:
                winner = (winner + 1) % len(LADDER)
            one = event(high=HIGHS[winner], day=day, series=series)
            starts = one.series.city.day_bounds(day)[0]
            expected = HIGHS[winner] + 0.5 if is_told else float(draw.choice(HIGHS))
            forecasts[one.ticker] = [
                PointForecast("nws", expected, starts + timedelta(hours=15), one.opened_at, one.opened_at)
            ]
            events.append(one)
            mids[one.ticker] = chances
    return Recording("invented", "invented prices", tuple(events), Told(mids), forecasts)


def in_stretch(found: Fit, hours: float) -> tuple[float, float]:
    """Exponent and weight of the stretch that begins at those hours."""
    pool = found.stretches[STARTS.index(hours)].pool
    return pool.exponent, pool.weight


def test_an_exponent_that_is_in_the_data_is_found() -> None:
    exponent, weight = in_stretch(fit(recording(lambda chances: chances**1.4), [MORNING]), 12.5)
    assert exponent == pytest.approx(1.4, abs=0.1)
    assert weight == 0.0


def test_a_market_that_is_right_keeps_an_exponent_of_about_one_and_weather_without_skill_no_weight() -> None:
    exponent, weight = in_stretch(fit(recording(lambda chances: chances), [MORNING]), 12.5)
    assert exponent == pytest.approx(1.0, abs=0.1)
    assert weight == 0.0


def test_a_market_that_is_too_sure_is_not_flattened() -> None:
    assert in_stretch(fit(recording(lambda chances: chances**0.6), [MORNING]), 12.5) == (1.0, 0.0)


def test_few_days_move_the_exponent_little() -> None:
    few, many = (fit(recording(lambda chances: chances**1.4, days=DAYS[:count]), [MORNING]) for count in (5, 160))
    assert 1.0 < in_stretch(few, 12.5)[0] < in_stretch(many, 12.5)[0]


def test_weather_that_knows_more_than_the_market_gets_a_weight() -> None:
    found = fit(recording(lambda chances: chances, is_told=True), [MORNING])
    assert in_stretch(found, 12.5)[1] > 0.2
    assert found.walk.by_day[DAYS[-1]].needs_weather


def test_a_weight_is_not_used_before_enough_days_have_shown_it() -> None:
    found = fit(recording(lambda chances: chances, is_told=True), [MORNING])
    assert not found.walk.by_day[DAYS[59]].needs_weather


def test_a_stretch_without_data_is_the_market_itself() -> None:
    found = fit(recording(lambda chances: chances**1.4, days=DAYS[:40]), [MORNING])
    assert in_stretch(found, 0.0) == (1.0, 0.0)


def test_moments_of_another_stretch_have_an_exponent_of_their_own() -> None:
    found = fit(recording(lambda chances: chances**1.4, days=DAYS[:40]), [MORNING, EVENING])
    assert in_stretch(found, 0.0)[0] > 1.1
    assert in_stretch(found, 17.5)[0] == 1.0


def test_a_day_is_fitted_to_days_that_were_over_two_days_before() -> None:
    planted = DAYS[50]
    first, other = (
        fit(recording(lambda chances: chances**1.4, days=DAYS[:70], is_told=True, other_end=end), [MORNING])
        for end in (None, planted)
    )
    for day in DAYS[:70]:
        same = first.walk.by_day[day].parameters == other.walk.by_day[day].parameters
        assert same == (day < planted + timedelta(days=2)), day


def test_the_same_data_has_the_same_fit_and_other_data_another_fingerprint() -> None:
    first, again = (fit(recording(lambda chances: chances, days=DAYS[:10]), [MORNING]) for _ in range(2))
    other = fit(recording(lambda chances: chances, days=DAYS[:10], other_end=DAYS[9]), [MORNING])
    assert first.parameters(DAYS[-1], []) == again.parameters(DAYS[-1], [])
    assert first.fingerprint != other.fingerprint


def test_events_without_a_market_cannot_be_fitted_to() -> None:
    silent = recording(lambda chances: chances, days=DAYS[:2])
    nobody = {one.ticker: np.full(len(LADDER), 0.01) for one in silent.events}
    with pytest.raises(FitError, match="give data of more events"):
        fit(Recording("invented", "invented prices", silent.events, Told(nobody), {}), [MORNING])
