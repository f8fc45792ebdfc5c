"""When the simulated exchange lists an event, and which six brackets it gets."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from milkbot.domain.cities import Extreme, Series
from milkbot.domain.markets import Strike, StrikeType
from milkbot.simulator.engine.pause import EASTERN
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.world.draws import Draws
from milkbot.simulator.world.truth import Truth

CREATED = time(9, 30)
"""UTC, the day before: the event is visible, not yet open."""

OPENS = time(10, 0)
"""Eastern civil time, the day before: 14:00Z in summer as documented, 15:00Z in winter as recorded in December 2025."""

DETERMINED = time(11, 18)
"""UTC, the morning after."""

LAST_MINUTE = timedelta(minutes=1)
"""Recorded close times are 23:59 local standard time."""

INNER_BRACKETS = 4
BRACKET_DEGREES = 2


def created_at(day: date) -> datetime:
    """When the events of a climate day become visible."""
    return datetime.combine(day - timedelta(days=1), CREATED, UTC)


def plan_event(truth: Truth, series: Series, day: date) -> EventPlan:
    """The event of a series on a climate day."""
    city = series.city
    eve = day - timedelta(days=1)
    opens = datetime.combine(eve, OPENS, EASTERN).astimezone(UTC)
    return EventPlan(
        series=series,
        day=day,
        strikes=_brackets(truth, series, day, opens),
        created_at=created_at(day),
        opens_at=opens,
        closes_at=city.day_bounds(day)[1] - LAST_MINUTE,
        determined_at=datetime.combine(day + timedelta(days=1), DETERMINED, UTC),
    )


def _brackets(truth: Truth, series: Series, day: date, at: datetime) -> tuple[Strike, ...]:
    """Four two-degree brackets coarsely around the public forecast, bias and all, and a tail on either side."""
    what = ("listing",) if series.extreme is Extreme.HIGH else ("listing", str(series.extreme))
    miss = round(1.5 * Draws(truth.seed, *what, series.city.code, day).normal())
    width = INNER_BRACKETS * BRACKET_DEGREES
    forecast = truth.path(series.city, day, series.extreme).known_at(at) + truth.bias(series.city, series.extreme)
    low = round(forecast) - width // 2 + miss
    inner = tuple(
        Strike(StrikeType.BETWEEN, floor, floor + BRACKET_DEGREES - 1)
        for floor in range(low, low + width, BRACKET_DEGREES)
    )
    lower_tail = Strike(StrikeType.LESS, cap=low)
    upper_tail = Strike(StrikeType.GREATER, floor=low + width - 1)
    return (lower_tail, *inner, upper_tail)
