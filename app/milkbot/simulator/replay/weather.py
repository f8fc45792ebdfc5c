"""The recorded forecasts by issue time. Temperatures were not recorded: what the thermometer shows decides nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from milkbot.domain.cities import City
from milkbot.simulator.replay.recording import IssueRow
from milkbot.simulator.weather import Forecast, Reading, report_times

PUBLICATION_DELAY = timedelta(minutes=5)
DAY_LAYER_ENDS = timedelta(hours=20)
BELOW_FORECAST = 25
"""How far the thermometer stays below every forecast of the day's high, in F: it bounds no bracket from below."""


class RecordedWeather:
    """Forecasts of the maximum at one station, each visible only after it was issued."""

    def __init__(self, city: City, day: date, issues: tuple[IssueRow, ...]) -> None:
        self._day = day
        self._issues = sorted(issues, key=lambda row: row.issued_at)
        self.cities = (city,)

    def forecast(self, city: City, now: datetime) -> Forecast | None:
        """The newest published issue for the recorded day, with the other days as they stood at that issue."""
        published = [row for row in self._issues if row.issued_at + PUBLICATION_DELAY <= now]
        of_day = [row for row in published if row.target == self._day]
        if not of_day:
            return None
        issued_at = of_day[-1].issued_at
        highs = {row.target: row.high for row in published if row.issued_at <= issued_at}
        ahead = {day: high for day, high in highs.items() if now < city.day_bounds(day)[0] + DAY_LAYER_ENDS}
        return Forecast(issued_at, dict(sorted(ahead.items())), {}, {})

    def readings(self, city: City, start: datetime, end: datetime, now: datetime) -> list[Reading]:  # noqa: ARG002 - one city
        """A temperature that decides nothing, each hour, newest first. A trader that is shown none would hold back."""
        highs = [row.high for row in self._issues if row.target == self._day]
        return [Reading(at, min(highs) - BELOW_FORECAST) for at in report_times(start, end, now) if highs]
