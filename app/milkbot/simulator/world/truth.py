"""The hidden daily highs and lows, and what is knowable of each at any hour before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate

from milkbot.domain.cities import City, Extreme
from milkbot.simulator.world.climate import climate_of
from milkbot.simulator.world.draws import Draws
from milkbot.simulator.world.knots import Knots

PERSISTENCE = 0.6
"""Correlation of one day's anomaly with the next (AR(1)), ordinary for mid-latitude highs."""

MEMORY_DAYS = 20
USUAL_HOUR = {Extreme.HIGH: 15, Extreme.LOW: 6}
"""Hour of local standard time at which the extreme usually falls, from which forecast lead is counted."""

NARROWEST_RANGE = 2.0
"""Degrees by which a dawn is colder than its afternoon at least."""

_SKILL_HOURS = (-3.0, 0.0, 3.0, 8.0, 22.0, 29.0, 48.0, 60.0)
_SKILL_SPREAD = (0.25, 0.6, 1.2, 2.1, 2.45, 2.7, 3.0, 3.3)
"""Hours before the extreme, and the spread in F of what is then unknown (2.1 same morning .. 3.3 far out)."""


_UNKNOWN = Knots(_SKILL_HOURS, _SKILL_SPREAD)

FORECAST_BIAS = {Extreme.HIGH: (-1.4, 0.7), Extreme.LOW: (0.0, 0.6)}
"""Mean and spread over the stations of the public forecast's lasting error in F.

A forecast of the daytime's maximum misses what the whole climate day and the five-minute maximum add to it. Recorded:
-1.41 (95 % interval -1.62 to -1.20) for the middle of 819 events' brackets, -0.1 to -2.0 by city; -1.71 with a standard
error of 0.55 for the NDFD at Central Park on 21 days of December 2025. No record has the same of lows.
"""

STEPS_PER_HOUR = 12


def unknown_spread(lead_hours: float) -> float:
    """Standard deviation in F of an extreme around the best forecast, that many hours before it."""
    return _UNKNOWN(lead_hours)


_NEWS = tuple(
    math.sqrt(unknown_spread(lead + 1) ** 2 - unknown_spread(lead) ** 2)
    for lead in range(int(_SKILL_HOURS[-1]) - 1, int(_SKILL_HOURS[0]) - 1, -1)
)
"""Standard deviation in F of what each hour brings, from the first on."""


@dataclass(frozen=True, slots=True)
class DayPath:
    """What was knowable of an afternoon or a dawn, hour by hour: a martingale that ends at the truth."""

    falls_at: datetime
    first: datetime
    knowable: tuple[float, ...]
    truth: float

    def known_at(self, moment: datetime) -> float:
        """The best possible forecast in F at that moment, before rounding and before anyone's bias."""
        hour = math.floor((moment - self.first) / timedelta(hours=1))
        return self.knowable[min(max(hour, 0), len(self.knowable) - 1)]

    def lead_at(self, moment: datetime) -> float:
        """Hours from that moment until the extreme."""
        return (self.falls_at - moment) / timedelta(hours=1)


class Truth:
    """The afternoons and dawns of one seed. Every answer is a pure function of seed, city and day."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.path = lru_cache(maxsize=4096)(self._path)
        self._walked = lru_cache(maxsize=4096)(self._walk_through)

    def high(self, city: City, day: date) -> float:
        """The true maximum in F, not rounded."""
        return self.path(city, day).truth

    def dawn(self, city: City, day: date) -> float:
        """The true minimum at dawn in F. The evening of the climate day may be colder: see `Curve.minimum`."""
        return min(self.path(city, day, Extreme.LOW).truth, self.high(city, day) - NARROWEST_RANGE)

    def bias(self, city: City, extreme: Extreme = Extreme.HIGH) -> float:
        """The forecast's lasting error at this station in F: what a calibration has to learn."""
        mean, spread = FORECAST_BIAS[extreme]
        return mean + spread * Draws(self.seed, *_drawn_as("bias", extreme), city.code).normal()

    def knowledge(self, city: City, day: date, extreme: Extreme, lead_hours: float) -> tuple[float, float]:
        """What is knowable so many hours before the extreme, in F: its expectation, and the truth's spread around it.

        The same path as `known_at`, and a martingale too, in steps of five minutes.
        """
        first, last = _SKILL_HOURS[-1], _SKILL_HOURS[0]
        hour, step = divmod(round((first - min(max(lead_hours, last), first)) * STEPS_PER_HOUR), STEPS_PER_HOUR)
        before, after = (unknown_spread(first - hour - more) ** 2 for more in (0, 1))
        spread = math.sqrt(before + (after - before) * step / STEPS_PER_HOUR)
        if step == 0:
            return self.path(city, day, extreme).knowable[hour], spread
        return self._walked(city, day, extreme, hour)[step], spread

    def _path(self, city: City, day: date, extreme: Extreme = Extreme.HIGH) -> DayPath:
        hour = USUAL_HOUR[extreme]
        falls_at = datetime(day.year, day.month, day.day, hour, tzinfo=city.standard_time).astimezone(UTC)
        news = Draws(self.seed, *_drawn_as("news", extreme), city.code, day)
        value = self._far_forecast(city, day) - (climate_of(city).daily_range if extreme is Extreme.LOW else 0)
        knowable = [value]
        for size in _NEWS:
            value += news.normal() * size
            knowable.append(value)
        truth = value + news.normal() * _SKILL_SPREAD[0]
        return DayPath(falls_at, falls_at - timedelta(hours=_SKILL_HOURS[-1]), tuple(knowable), truth)

    def _walk_through(self, city: City, day: date, extreme: Extreme, hour: int) -> tuple[float, ...]:
        """An hour of the path in steps: a Brownian bridge from its beginning to its end."""
        start, end = self.path(city, day, extreme).knowable[hour : hour + 2]
        size = _NEWS[hour] / math.sqrt(STEPS_PER_HOUR)
        draws = Draws(self.seed, *_drawn_as("steps", extreme), city.code, day, hour)
        walked = list(accumulate((size * draws.normal() for _ in range(STEPS_PER_HOUR)), initial=0.0))
        drift = end - start - walked[-1]
        return tuple(start + walked[step] + drift * step / STEPS_PER_HOUR for step in range(STEPS_PER_HOUR))

    def _far_forecast(self, city: City, day: date) -> float:
        """Climate plus the part of the anomaly that is foreseen days ahead."""
        climate = climate_of(city)
        foreseen = math.sqrt(max(climate.spread(day) ** 2 - _SKILL_SPREAD[-1] ** 2, 1.0))
        return climate.normal_high(day) + foreseen * self._anomaly(city, day)

    def _anomaly(self, city: City, day: date) -> float:
        """AR(1) as its moving average over the last days: needs no starting point."""
        total = sum(
            PERSISTENCE**back * Draws(self.seed, "anomaly", city.code, day - timedelta(days=back)).normal()
            for back in range(MEMORY_DAYS)
        )
        return total * math.sqrt(1 - PERSISTENCE**2)


def _drawn_as(what: str, extreme: Extreme) -> tuple[str, ...]:
    """The key of a draw. Highs have the one that they had when there were no lows: a seed keeps its world."""
    return (what,) if extreme is Extreme.HIGH else (what, str(extreme))
