"""What the market makers think an extreme will be: better than any public forecast, and wrong in their own way.

The market's error is sqrt(1 - FORESIGHT) of the public forecast's: 2.44, 2.21 and 1.88 F where that has 2.7, 2.45 and
2.1 (reference 4.1). Each maker adds a slowly moving error of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from milkbot.domain.cities import Extreme, Series
from milkbot.domain.markets import Strike
from milkbot.simulator.world.draws import Draws
from milkbot.simulator.world.truth import Truth
from milkbot.simulator.world.weather import SimulatedWeather

FORESIGHT = 0.19
"""Share of the public forecast's error variance that the market has already seen through."""

KNOT_SECONDS = 3 * 3600
EVENING_SHARE = 0.65
"""Part of the coming dawn's error that the evening before has: the curve falls that far by midnight."""

_ROOT2 = math.sqrt(2)


@dataclass(frozen=True, slots=True)
class Belief:
    """A normal distribution in F, cut off below `floor` and above `ceiling`: what was already measured bounds it."""

    centre: float
    spread: float
    floor: float
    ceiling: float = math.inf

    def probability(self, strike: Strike) -> float:
        """That the strike resolves to YES."""
        cut, top = self._below(self.floor), self._below(self.ceiling)
        low = min(max(self._below(strike.lower_edge), cut), top)
        high = min(max(self._below(strike.upper_edge), cut), top)
        return (high - low) / max(top - cut, 1e-9)

    def bounded(self, centre: float) -> Belief:
        """The same around another centre, which is kept within the bounds."""
        return Belief(min(max(centre, self.floor), self.ceiling), self.spread, self.floor, self.ceiling)

    def _below(self, edge: float) -> float:
        return (1 + math.erf((edge - self.centre) / (self.spread * _ROOT2))) / 2


class Beliefs:
    """Beliefs of one seed's makers."""

    def __init__(self, truth: Truth, weather: SimulatedWeather) -> None:
        self._truth = truth
        self._weather = weather
        self._knot = lru_cache(maxsize=16_384)(self._draw_knot)
        self.market = lru_cache(maxsize=2048)(self._market)

    def of_maker(self, name: str, own_error: float, series: Series, day: date, at: datetime) -> Belief:
        """One maker's belief: the market's, moved by its own error in F (which fades with the uncertainty)."""
        shared = self.market(series, day, at)
        fade = min(1.0, shared.spread / 2)
        return shared.bounded(shared.centre + own_error * fade * self._wander(name, series, day, at))

    def _market(self, series: Series, day: date, at: datetime) -> Belief:
        return self._of_low(series, day, at) if series.extreme is Extreme.LOW else self._of_high(series, day, at)

    def _of_high(self, series: Series, day: date, at: datetime) -> Belief:
        centre, spread = self._foreseen(series, day, at)
        floor = self._weather.measured_maximum(series.city, day, at)
        return Belief(max(centre, floor), spread, floor - 0.5)

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
        path = self._truth.path(series.city, day, series.extreme)
        known, unknown = path.known_at(at), path.unknown_at(at)
        noise = math.sqrt(FORESIGHT * (1 - FORESIGHT)) * unknown * self._wander("market", series, day, at)
        return known + FORESIGHT * (path.truth - known) + noise, math.sqrt(1 - FORESIGHT) * unknown

    def _wander(self, name: str, series: Series, day: date, at: datetime) -> float:
        """A smooth series of unit variance, linear between knots three hours apart."""
        key = series.city.code if series.extreme is Extreme.HIGH else f"{series.city.code} {series.extreme}"
        knot, rest = divmod(at.timestamp(), KNOT_SECONDS)
        part = rest / KNOT_SECONDS
        start, end = self._knot(name, key, day, int(knot)), self._knot(name, key, day, int(knot) + 1)
        return (start * (1 - part) + end * part) / math.hypot(part, 1 - part)

    def _draw_knot(self, name: str, key: str, day: date, knot: int) -> float:
        return Draws(self._truth.seed, "wander", name, key, day, knot).normal()
