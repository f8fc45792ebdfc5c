"""A small world that a test moves: two cities, three brackets a day, quotes and forecasts as the test sets them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from milkbot.domain.cities import City, Series, series_of
from milkbot.domain.markets import Strike, StrikeType
from milkbot.simulator.engine.pause import EASTERN
from milkbot.simulator.engine.plan import EventPlan, Quote, Take
from milkbot.simulator.weather import Forecast, Reading
from milkbot.simulator.world.listing import DETERMINED, LAST_MINUTE, OPENS, created_at

SERIES = ("KXHIGHNY", "KXHIGHCHI")
CENTRE = 80
LISTED = date(2026, 8, 4).toordinal() % 2
STRIKES = (
    Strike(StrikeType.LESS, cap=CENTRE - 1),
    Strike(StrikeType.BETWEEN, CENTRE - 1, CENTRE),
    Strike(StrikeType.GREATER, floor=CENTRE),
)
MAKER = "house:maker"
_LAYERS = ((0, 4_000), (8, 200_000))
"""Cents behind the best price, and hundredths of a contract there."""
_SPREAD_F = 2.5
_REQUOTED = timedelta(minutes=30)
_ISSUED = timedelta(hours=6)
_COOL = 70
"""What every thermometer shows: below all brackets, so that it decides nothing."""


class Moved:
    """Degrees that change on request, and are known for every moment before."""

    def __init__(self, value: float) -> None:
        self.moments: list[datetime] = []
        self._values = [value]

    def move(self, at: datetime, value: float) -> None:
        """From right after `at` on it has that value; earlier moments keep theirs."""
        last = self.moments[-1] if self.moments else at
        self.moments.append(max(at, last) + timedelta(microseconds=1))
        self._values.append(value)

    def at(self, moment: datetime) -> float:
        """The value at a moment."""
        return self._values[bisect_right(self.moments, moment)]


class MovedWorld:
    """Both cities' market beliefs and forecasts: where they differ, the trader sees an edge."""

    name = "the world that a test moves"
    ends_at: datetime | None = None

    def __init__(self, series: Sequence[str] = SERIES, strikes: tuple[Strike, ...] = STRIKES) -> None:
        self.series: tuple[Series, ...] = tuple(series_of(ticker) for ticker in series)
        cities = tuple(dict.fromkeys(listed.city for listed in self.series))
        self._strikes = strikes
        self.beliefs = {city.code: Moved(CENTRE) for city in cities}
        self.forecasts = {city.code: Moved(CENTRE) for city in cities}
        self.house = _House(self.beliefs)
        self.weather = _Weather(cities, self.forecasts)

    def created_between(self, after: datetime, until: datetime) -> list[EventPlan]:
        """Each city's event of every second day, made known the day before: one of each city is open at a time."""
        span = (until.date() - after.date()).days + 2
        days = [after.date() + timedelta(days=ahead) for ahead in range(span)]
        listed = [day for day in days if day.toordinal() % 2 == LISTED and after < created_at(day) <= until]
        return [plan_of(series, day, self._strikes) for day in listed for series in self.series]

    def official(self, plan: EventPlan) -> int:
        """What the market believed at the close is what came."""
        return round(self.beliefs[plan.city.code].at(plan.closes_at))


@lru_cache(maxsize=256)
def plan_of(series: Series, day: date, strikes: tuple[Strike, ...] = STRIKES) -> EventPlan:
    """The event of a series on a climate day, with the times of the simulated exchange."""
    opens = datetime.combine(day - timedelta(days=1), OPENS, EASTERN).astimezone(UTC)
    determined = datetime.combine(day + timedelta(days=1), DETERMINED, UTC)
    closes = series.city.day_bounds(day)[1] - LAST_MINUTE
    return EventPlan(series, day, strikes, created_at(day), opens, closes, determined)


class _House:
    """One maker, two cents around its belief, fresh every half hour and whenever the belief moves."""

    def __init__(self, beliefs: Mapping[str, Moved]) -> None:
        self._beliefs = beliefs

    def moments(self, plan: EventPlan, ticker: str, after: datetime, until: datetime) -> Iterable[datetime]:  # noqa: ARG002 - all markets alike
        """Each half hour and each move in (after, until]."""
        halves = []
        moment = _floor(after, _REQUOTED) + _REQUOTED
        while moment <= until:
            halves.append(moment)
            moment += _REQUOTED
        moved = [at for at in self._beliefs[plan.city.code].moments if after < at <= until]
        return sorted({*halves, *moved})

    def latest_moment(self, plan: EventPlan, ticker: str, until: datetime) -> datetime | None:  # noqa: ARG002 - as above
        """The last of them at or before `until`."""
        moved = [at for at in self._beliefs[plan.city.code].moments if at <= until]
        return max([_floor(until, _REQUOTED), *moved[-1:]])

    def quotes(self, plan: EventPlan, strike: Strike, at: datetime, inventory: Mapping[str, int]) -> list[Quote]:  # noqa: ARG002 - it has deep pockets
        """One small quote on either side, and a deep one behind it."""
        fair = 100 * _chance(self._beliefs[plan.city.code].at(at), strike)
        stamp = int(at.timestamp() * 1_000_000)
        bid, ask = math.floor(fair) - 1, math.ceil(fair) + 1
        quotes = []
        for layer, (behind, lots) in enumerate(_LAYERS):
            if bid - behind >= 1:
                quotes.append(Quote(MAKER, f"bid:{layer}", True, bid - behind, lots, stamp))
            if ask + behind <= 99:
                quotes.append(Quote(MAKER, f"ask:{layer}", False, ask + behind, lots, stamp))
        return quotes

    def takes(self, plan: EventPlan, strike: Strike, at: datetime, since: datetime | None) -> list[Take]:  # noqa: ARG002 - the test sets who takes
        """Nobody: other traders are the neighbour's account."""
        return []


class _Weather:
    """The forecast as it was moved, issued every six hours and at each move."""

    def __init__(self, cities: tuple[City, ...], forecasts: Mapping[str, Moved]) -> None:
        self.cities = cities
        self._forecasts = forecasts

    def forecast(self, city: City, now: datetime) -> Forecast:
        """The same high for each of the next days."""
        moved = self._forecasts[city.code]
        issued = max([_floor(now, _ISSUED), *[at for at in moved.moments if at <= now][-1:]])
        today = city.climate_day_at(now)
        highs = {today + timedelta(days=ahead): round(moved.at(now)) for ahead in range(3)}
        return Forecast(issued, highs, dict.fromkeys(highs, _COOL - 10), {})

    def readings(self, city: City, start: datetime, end: datetime, now: datetime) -> list[Reading]:  # noqa: ARG002 - alike everywhere
        """One each hour, newest first."""
        moment = _floor(min(end, now), timedelta(hours=1))
        found = []
        while moment >= start:
            found.append(Reading(moment, _COOL))
            moment -= timedelta(hours=1)
        return found


def _chance(belief: float, strike: Strike) -> float:
    def below(edge: float) -> float:
        return (1 + math.erf((edge - belief) / (_SPREAD_F * math.sqrt(2)))) / 2

    return below(strike.upper_edge) - below(strike.lower_edge)


def _floor(moment: datetime, step: timedelta) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(step.total_seconds()), UTC)
