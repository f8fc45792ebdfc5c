"""The plain model: the official high or low is Normal around its forecast, with a spread that grows with lead time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from statistics import NormalDist

from milkbot.domain.cities import Extreme
from milkbot.domain.markets import Strike
from milkbot.forecast.forecaster import NoForecast
from milkbot.forecast.inputs import Inputs

# Root mean square error of public forecasts of the daily high, degrees Fahrenheit, by hours before mid-afternoon.
# Source: docs/strategy.md, after a study of seven cities: 2.1 same day, 2.45 the evening before, 2.7 a day ahead.
# No source has the same of lows in whole climate days, so theirs are taken to be as large.
_LEADS_HOURS = (0.0, 7.0, 21.0, 28.0, 48.0, 96.0)
_SPREADS_F = (1.2, 2.1, 2.45, 2.7, 3.0, 3.4)

# Observations pass through whole degrees Celsius, so a measured extreme may lie beyond the official one by about this.
OBSERVATION_SLACK_F = 1.0


class Normal:
    """The first of the forecasts, with the spread of its lead, bounded by what was measured so far."""

    name = "normal"
    version = "1"
    needs_weather = True

    @property
    def parameters(self) -> Mapping[str, object]:
        """The spreads in degrees F by hours, and the slack of a measurement in degrees F."""
        return {"leads_hours": _LEADS_HOURS, "spreads_f": _SPREADS_F, "slack_f": OBSERVATION_SLACK_F}

    def forecast(self, inputs: Inputs) -> Sequence[float] | NoForecast:
        """The mass of the Normal in each bracket."""
        if not inputs.forecasts:
            return NoForecast("the weather service has no forecast of the day")
        expected = inputs.forecasts[0]
        sd = spread_f((expected.falls_at - inputs.as_of) / timedelta(hours=1))
        strikes = [bracket.strike for bracket in inputs.brackets]
        so_far = inputs.measured.so_far_f if inputs.measured else None
        return bracket_probabilities(expected.degrees_f, sd, strikes, so_far, inputs.extreme)


def spread_f(lead_hours: float) -> float:
    """Standard deviation of an extreme around its forecast, degrees Fahrenheit; linear between the table's leads.

    `lead_hours` counts to when it is expected; a negative one is after that.
    """
    if lead_hours <= _LEADS_HOURS[0]:
        return _SPREADS_F[0]
    if lead_hours >= _LEADS_HOURS[-1]:
        return _SPREADS_F[-1]
    right = bisect_right(_LEADS_HOURS, lead_hours)
    x0, x1 = _LEADS_HOURS[right - 1 : right + 1]
    y0, y1 = _SPREADS_F[right - 1 : right + 1]
    return y0 + (y1 - y0) * (lead_hours - x0) / (x1 - x0)


def bracket_probabilities(
    mean_f: float,
    sd_f: float,
    strikes: Sequence[Strike],
    observed_f: float | None = None,
    extreme: Extreme = Extreme.HIGH,
) -> tuple[float, ...]:
    """P(YES) for each strike, by half-degree edges: Phi((upper - mean) / sd) - Phi((lower - mean) / sd).

    A high cannot end below the maximum that was measured already, nor a low above the minimum: all mass beyond
    `observed_f`, less the slack of its rounding, moves to it. `sd_f` must be positive.
    """
    below = _bounded(NormalDist(mean_f, sd_f).cdf, observed_f, extreme)
    return tuple(below(strike.upper_edge) - below(strike.lower_edge) for strike in strikes)


def _bounded(below: Callable[[float], float], observed_f: float | None, extreme: Extreme) -> Callable[[float], float]:
    """The distribution function with what cannot happen any more taken out of it."""
    if observed_f is None:
        return below
    if extreme is Extreme.LOW:
        return lambda edge: 1.0 if edge >= observed_f + OBSERVATION_SLACK_F else below(edge)
    return lambda edge: 0.0 if edge <= observed_f - OBSERVATION_SLACK_F else below(edge)
