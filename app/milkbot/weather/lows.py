"""The forecast minimum of a climate day, out of the grid's nights and hours.

The grid's minTemperature is that of a night: 19:00 local to 08:00 or 09:00. A climate day begins and ends in the middle
of one. Its minimum is most often at dawn, in the night that ends in its morning, and then that night's value is it.
Two things make it another:

- The night may have been coldest before midnight, where warmer air came in: that hour belongs to the day before.
- The evening after may be colder than the dawn, where colder air comes in: its hours until midnight belong to this day,
  and the next night's value, which is that of the next dawn, says nothing of them.

So the hours of the `temperature` layer decide which part of the day is the coldest, and the night's value counts where
its coldest hour lies in the day. Hours are samples, at most a few degrees above the minimum between them: a night's
value that lies further below all of its hours fell in one that the grid has no more. Hours that are over do not count
either, they are measured. A day whose last hours the grid does not have has no forecast, never a default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from milkbot.domain.cities import City
from milkbot.weather import wire
from milkbot.weather.intervals import Interval, parse_interval

_HOUR = timedelta(hours=1)
_LONGEST_NIGHT = timedelta(days=1)
_LONGEST_STEP = timedelta(hours=12)
_SAMPLED_F = 3.0


@dataclass(frozen=True, slots=True)
class ForecastExtreme:
    """A temperature in F, and the moment in UTC at which it is expected."""

    degrees_f: float
    falls_at: datetime


def low_of_day(
    nights: wire.GridLayer, hours: wire.GridLayer, city: City, day: date, now: datetime
) -> ForecastExtreme | None:
    """The minimum of what is still to come of a climate day; None where the grid does not reach its end.

    Raises ValueError for a layer that is not understood.
    """
    start, end = city.day_bounds(day)
    known = dict(_hourly(hours, start - _LONGEST_NIGHT, end))
    if end - _HOUR not in known:
        return None
    to_come = {at: known[at] for at in sorted(known) if at >= start and at > now - _HOUR}
    at_night = _night_of(nights, city, day)
    if at_night is not None:
        window, night_f = at_night
        coldest = _coldest_hour(window, known)
        if coldest in to_come and night_f >= to_come[coldest] - _SAMPLED_F:
            to_come[coldest] = night_f
    falls_at = min(to_come, key=lambda at: to_come[at], default=None)
    return None if falls_at is None else ForecastExtreme(to_come[falls_at], falls_at)


def _coldest_hour(window: Interval, known: Mapping[datetime, float]) -> datetime | None:
    """The coldest of a night's hours that the grid has, the last one of equal ones."""
    hours = [at for at in known if window.start <= at < window.start + window.length]
    return min(hours, key=lambda at: (known[at], -at.timestamp()), default=None)


def _night_of(layer: wire.GridLayer, city: City, day: date) -> tuple[Interval, float] | None:
    """The night that ends in the day's morning: its midpoint is an hour or two after the midnight that begins it."""
    for entry in layer.values:
        window = parse_interval(entry.valid_time)
        if entry.value is None or window.length > _LONGEST_NIGHT or city.climate_day_at(window.midpoint) != day:
            continue
        return window, wire.fahrenheit(entry.value, layer.unit or "")
    return None


def _hourly(layer: wire.GridLayer, start: datetime, end: datetime) -> Iterator[tuple[datetime, float]]:
    """Each hour of the layer within those bounds. Equal hours are sent as one interval; far ahead it is six hours."""
    for entry in layer.values:
        step = parse_interval(entry.valid_time)
        if entry.value is None or step.length > _LONGEST_STEP or not start - _LONGEST_STEP < step.start < end:
            continue
        degrees = wire.fahrenheit(entry.value, layer.unit or "")
        for number in range(max(1, step.length // _HOUR)):
            at = step.start + number * _HOUR
            if start <= at < end:
                yield at, degrees
