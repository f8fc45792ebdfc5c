"""The plain model: the official high is Normal around the forecast, with a spread that grows with lead time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from statistics import NormalDist

from milkbot.domain.markets import Strike

# Root mean square error of public forecasts of the daily high, degrees Fahrenheit, by hours before mid-afternoon.
# Source: docs/strategy.md, after a study of seven cities: 2.1 same day, 2.45 the evening before, 2.7 a day ahead.
_LEADS_HOURS = (0.0, 7.0, 21.0, 28.0, 48.0, 96.0)
_SPREADS_F = (1.2, 2.1, 2.45, 2.7, 3.0, 3.4)

# Observations pass through whole degrees Celsius, so a measured maximum may exceed the official one by about this much.
OBSERVATION_SLACK_F = 1.0


def spread_f(lead_hours: float) -> float:
    """Standard deviation of the high around its forecast, degrees Fahrenheit; linear between the table's leads.

    `lead_hours` counts to mid-afternoon of the climate day; a negative one is after the usual maximum.
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
    mean_f: float, sd_f: float, strikes: Sequence[Strike], observed_max_f: float | None = None
) -> tuple[float, ...]:
    """P(YES) for each strike, by half-degree edges: Phi((upper - mean) / sd) - Phi((lower - mean) / sd).

    The high cannot end below what was measured already: all mass below `observed_max_f`, less the slack of its
    rounding, moves up to it. `sd_f` must be positive.
    """
    high = NormalDist(mean_f, sd_f)
    known = None if observed_max_f is None else observed_max_f - OBSERVATION_SLACK_F

    def below(edge: float) -> float:
        return 0.0 if known is not None and edge <= known else high.cdf(edge)

    return tuple(below(strike.upper_edge) - below(strike.lower_edge) for strike in strikes)
