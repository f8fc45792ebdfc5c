"""What the market makers think the high will be: better than any public forecast, and wrong in their own way.

The market's error is sqrt(1 - FORESIGHT) of the public forecast's: 2.44, 2.21 and 1.88 F where that has 2.7, 2.45 and
2.1 (reference 4.1). Each maker adds a slowly moving error of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from milkbot.domain.cities import City
from milkbot.domain.markets import Strike
from milkbot.simulator.world.draws import Draws
from milkbot.simulator.world.truth import Truth
from milkbot.simulator.world.weather import SimulatedWeather

FORESIGHT = 0.19
"""Share of the public forecast's error variance that the market has already seen through."""

KNOT_SECONDS = 3 * 3600
_ROOT2 = math.sqrt(2)


@dataclass(frozen=True, slots=True)
class Belief:
    """A normal distribution of the high in F, cut off below `floor`: it cannot end under what was already measured."""

    centre: float
    spread: float
    floor: float

    def probability(self, strike: Strike) -> float:
        """That the strike resolves to YES."""
        cut = self._below(self.floor)
        low, high = max(self._below(strike.lower_edge), cut), max(self._below(strike.upper_edge), cut)
        return (high - low) / max(1 - cut, 1e-9)

    def _below(self, edge: float) -> float:
        return (1 + math.erf((edge - self.centre) / (self.spread * _ROOT2))) / 2


class Beliefs:
    """Beliefs of one seed's makers."""

    def __init__(self, truth: Truth, weather: SimulatedWeather) -> None:
        self._truth = truth
        self._weather = weather
        self._knot = lru_cache(maxsize=4096)(self._draw_knot)
        self.market = lru_cache(maxsize=512)(self._market)

    def of_maker(self, name: str, own_error: float, city: City, day: date, at: datetime) -> Belief:
        """One maker's belief: the market's, moved by its own error in F (which fades with the uncertainty)."""
        shared = self.market(city, day, at)
        fade = min(1.0, shared.spread / 2)
        centre = shared.centre + own_error * fade * self._wander(name, city, day, at)
        return Belief(max(centre, shared.floor), shared.spread, shared.floor)

    def _market(self, city: City, day: date, at: datetime) -> Belief:
        path = self._truth.path(city, day)
        known, unknown = path.known_at(at), path.unknown_at(at)
        noise = math.sqrt(FORESIGHT * (1 - FORESIGHT)) * unknown * self._wander("market", city, day, at)
        centre = known + FORESIGHT * (path.high - known) + noise
        floor = self._weather.measured_maximum(city, day, at)
        return Belief(max(centre, floor), math.sqrt(1 - FORESIGHT) * unknown, floor - 0.5)

    def _wander(self, name: str, city: City, day: date, at: datetime) -> float:
        """A smooth series of unit variance, linear between knots three hours apart."""
        knot, rest = divmod(at.timestamp(), KNOT_SECONDS)
        part = rest / KNOT_SECONDS
        start, end = self._knot(name, city.code, day, int(knot)), self._knot(name, city.code, day, int(knot) + 1)
        return (start * (1 - part) + end * part) / math.hypot(part, 1 - part)

    def _draw_knot(self, name: str, city_code: str, day: date, knot: int) -> float:
        return Draws(self._truth.seed, "wander", name, city_code, day, knot).normal()
