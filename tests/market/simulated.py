"""The books of a simulated world's house, without an exchange, for the cities and the season of the recorded tape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.market.books import Books

from milkbot.domain.cities import series_of
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.world.listing import plan_event
from milkbot.simulator.world.makers import STEP_SECONDS
from milkbot.simulator.world.simulated import SimulatedWorld
from milkbot.simulator.world.truth import Truth

SERIES = ("KXHIGHNY", "KXHIGHCHI", "KXHIGHMIA", "KXHIGHAUS", "KXHIGHDEN")
FIRST = date(2024, 8, 16)
DAYS = 183


def season(every: int = 1) -> list[date]:
    """Days of the recorded season."""
    return [FIRST + timedelta(days=number) for number in range(0, DAYS, every)]


def plans(seed: int, days: Iterable[date], series: Iterable[str] = SERIES) -> Iterator[EventPlan]:
    """The events of a seed's world."""
    truth = Truth(seed)
    for ticker in series:
        for day in days:
            yield plan_event(truth, series_of(ticker), day)


def at_civil(plan: EventPlan, hour: float) -> datetime:
    """That many hours of the city's clock after midnight of the event's day."""
    midnight = datetime.combine(plan.day, datetime.min.time())
    return (midnight + timedelta(hours=hour)).replace(tzinfo=ZoneInfo(plan.city.time_zone)).astimezone(UTC)


def at_standard(plan: EventPlan, hour: float) -> datetime:
    """That many hours after the beginning of the climate day."""
    return plan.city.day_bounds(plan.day)[0] + timedelta(hours=hour)


def books(world: SimulatedWorld, plan: EventPlan, at: datetime) -> Books:
    """What the house quotes, what was forecast for the public, and what the station had reported."""
    at = datetime.fromtimestamp(int(at.timestamp()) // STEP_SECONDS * STEP_SECONDS, UTC)
    start, end = plan.city.day_bounds(plan.day)
    hour = (at - start) / timedelta(hours=1)
    bids, asks = [], []
    for strike in plan.strikes:
        quotes = world.house.quotes(plan, strike, at, {})
        bid = max((quote.cents for quote in quotes if quote.is_bid), default=0)
        bids.append(bid)
        asks.append(max(min((quote.cents for quote in quotes if not quote.is_bid), default=100), bid + 1))
    readings = world.weather.readings(plan.city, start, end, at)
    official = world.official(plan)
    return Books(
        day=plan.day,
        hour=hour,
        strikes=plan.strikes,
        bids=tuple(bids),
        asks=tuple(asks),
        winner=next(i for i, strike in enumerate(plan.strikes) if strike.lower_edge < official < strike.upper_edge),
        forecast=round(world.weather.published(plan.city, plan.series.extreme, plan.day, at)) if hour < 20 else None,
        measured=max((reading.fahrenheit for reading in readings), default=None),
    )
