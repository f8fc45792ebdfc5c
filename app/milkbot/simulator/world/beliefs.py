"""What the market makers think an extreme will be: what the public forecast says hours later, without its bias.

At each lead the market knows what the best forecast knows at another one. So its belief is calibrated, its price is a
martingale, and nobody can earn from it with what is public. The leads are fitted to the scores of the recorded market
(docs/simulator.md): until the morning hours ahead of the forecasts, in the afternoon waiting for the thermometer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from milkbot.domain.cities import Extreme, Series
from milkbot.domain.markets import Strike
from milkbot.simulator.world.draws import Draws
from milkbot.simulator.world.knots import Knots
from milkbot.simulator.world.truth import Truth
from milkbot.simulator.world.weather import PEAK_HOURS, SimulatedWeather

_INFORMED_LEAD = Knots(
    (-3.0, -0.5, 0.5, 1.5, 2.5, 3.5, 5.5, 7.5, 15.5, 18.5, 21.0, 24.0, 28.0, 60.0),
    (-3.0, 2.0, 2.6, 3.0, 3.8, 4.8, 5.8, 6.6, 7.4, 9.5, 12.0, 17.0, 23.0, 60.0),
)
"""Hours before the extreme, and at how many hours before it the best forecast knows as much as the market does then."""

LEAN = 0.12
"""Part of the way that the makers go towards the public forecast, bias and all. They lean on it a little too much: the
recorded price is off by a cent against whoever trades as the forecast says (docs/simulator.md)."""

RISEN_NO_MORE = timedelta(minutes=60)
"""In the afternoon a maximum that has not risen for that time is taken for the day's."""

USUAL_RISE = 1.4
"""Degrees F by which a maximum that is not yet the day's usually still rises."""

READING_ERROR = 0.15
"""Degrees F by which the makers mistake the thermometer: what they read has been rounded, twice."""

KNOT_SECONDS = 3 * 3600
EVENING_SHARE = 0.65
"""Part of the coming dawn's error that the evening before has: the curve falls that far by midnight."""

_ROOT2 = math.sqrt(2)
_ROOT_PI = math.sqrt(math.pi)


@dataclass(frozen=True, slots=True)
class Belief:
    """A normal distribution in F, cut off below `floor` and above `ceiling`: what was already measured bounds it.

    With the probability `reached` the extreme is behind, and is what the thermometer shows, as it was `read`.
    """

    centre: float
    spread: float
    floor: float
    ceiling: float = math.inf
    reached: float = 0.0
    read: float = 0.0

    def probability(self, strike: Strike) -> float:
        """That the strike resolves to YES."""
        ahead = self._mass(strike, self.centre, self.spread) if self.reached < 1 else 0.0
        behind = self._mass(strike, self.read, READING_ERROR) if self.reached > 0 else 0.0
        return self.reached * behind + (1 - self.reached) * ahead

    def _mass(self, strike: Strike, centre: float, spread: float) -> float:
        cut, top = _normal(self.floor, centre, spread), _normal(self.ceiling, centre, spread)
        low = min(max(_normal(strike.lower_edge, centre, spread), cut), top)
        high = min(max(_normal(strike.upper_edge, centre, spread), cut), top)
        return (high - low) / max(top - cut, 1e-9)


def _normal(edge: float, centre: float, spread: float) -> float:
    return (1 + math.erf((edge - centre) / (spread * _ROOT2))) / 2


class Beliefs:
    """Beliefs of one seed's makers."""

    def __init__(self, truth: Truth, weather: SimulatedWeather) -> None:
        self._truth = truth
        self._weather = weather
        self._knot = lru_cache(maxsize=16_384)(self._draw_knot)
        self.market = lru_cache(maxsize=2048)(self._market)

    def _market(self, series: Series, day: date, at: datetime) -> Belief:
        return self._of_low(series, day, at) if series.extreme is Extreme.LOW else self._of_high(series, day, at)

    def _of_high(self, series: Series, day: date, at: datetime) -> Belief:
        maximum = self._weather.measured_maximum(series.city, day, at)
        centre, spread = self._foreseen(series, day, at)
        hour = (at - series.city.day_bounds(day)[0]) / timedelta(hours=1)
        if hour <= PEAK_HOURS[0]:
            return Belief(max(centre, maximum), spread, maximum - 0.5)
        reached = self._reached(series, day, at, hour, (maximum - centre) / spread, spread)
        read = maximum + READING_ERROR * self._wander("thermometer", series, day, at)
        return Belief(max(centre, maximum), spread, maximum - 0.5, reached=reached, read=read)

    def _reached(self, series: Series, day: date, at: datetime, hour: float, above: float, spread: float) -> float:
        """The probability that the day's maximum is behind, by the hour and by how high it is (Bayes' rule).

        `above`: the maximum so far, in standard deviations above what was expected.
        """
        earlier = self._weather.measured_maximum(series.city, day, at - RISEN_NO_MORE)
        if self._weather.measured_maximum(series.city, day, at) <= earlier or hour >= PEAK_HOURS[1]:
            return 1.0
        first, last = PEAK_HOURS
        behind = (hour - first) / (last - first) * math.exp(-above * above / 2) / (spread * _ROOT2 * _ROOT_PI)
        ahead = (last - hour) / (last - first) * (1 - _normal(above, 0, 1)) / USUAL_RISE
        return behind / (behind + ahead) if behind else 0.0

    def _of_low(self, series: Series, day: date, at: datetime) -> Belief:
        """The dawn's, or the evening's where that is foreseen to be colder."""
        centre, spread = self._foreseen(series, day, at)
        following, unknown = self._foreseen(series, day + timedelta(days=1), at)
        afternoon = self._truth.path(series.city, day).known_at(at)
        evening = following + (1 - EVENING_SHARE) * (afternoon - following)
        if evening < centre:
            centre, spread = evening, max(spread, EVENING_SHARE * unknown)
        ceiling = self._weather.measured_minimum(series.city, day, at)
        return Belief(min(centre, ceiling), spread, -math.inf, ceiling + 0.5)

    def _foreseen(self, series: Series, day: date, at: datetime) -> tuple[float, float]:
        """What the market expects of a day's afternoon or dawn, and how far it expects to be off, in F."""
        city, extreme = series.city, series.extreme
        lead = self._truth.path(city, day, extreme).lead_at(at)
        known, spread = self._truth.knowledge(city, day, extreme, _INFORMED_LEAD(lead))
        return known + LEAN * (self._weather.published(city, extreme, day, at) - known), spread

    def _wander(self, name: str, series: Series, day: date, at: datetime) -> float:
        """A smooth series of unit variance, linear between knots three hours apart."""
        key = series.city.code if series.extreme is Extreme.HIGH else f"{series.city.code} {series.extreme}"
        knot, rest = divmod(at.timestamp(), KNOT_SECONDS)
        part = rest / KNOT_SECONDS
        start, end = self._knot(name, key, day, int(knot)), self._knot(name, key, day, int(knot) + 1)
        return (start * (1 - part) + end * part) / math.hypot(part, 1 - part)

    def _draw_knot(self, name: str, key: str, day: date, knot: int) -> float:
        return Draws(self._truth.seed, "wander", name, key, day, knot).normal()
