"""Which events of a series are due at an hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from milkbot.domain.cities import City
from milkbot.venue.schedule import EASTERN

_OPENS: Final = time(10, 0)
"""When tomorrow's event opens, in Eastern time."""
_LATE: Final = timedelta(hours=2)
"""How late it may open: the exchange names no hour for winter."""
_CLOSES_EARLY: Final = timedelta(minutes=15)
"""How long before the end of its climate day today's event may be closed already: a minute was recorded."""


def expected_days(city: City, now: datetime) -> frozenset[date]:
    """The climate days whose events must be open now: today's until it closes, and tomorrow's once it has opened."""
    today = city.climate_day_at(now)
    closes = city.day_bounds(today)[1]
    opens = datetime.combine(today, _OPENS, EASTERN).astimezone(UTC)
    days = {today} if now < closes - _CLOSES_EARLY else set()
    return frozenset(days | ({today + timedelta(days=1)} if now >= opens + _LATE else set()))
