"""What a market's ticker says: its event, its city and its climate day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from milkbot.domain.cities import City, Series, series_of
from milkbot.domain.markets import climate_day


@dataclass(frozen=True, slots=True)
class ParsedTicker:
    """The event, series and climate day of a market."""

    event_ticker: str
    series: Series
    climate_day: date

    @property
    def city(self) -> City:
        """Where it settles."""
        return self.series.city


def parse_ticker(ticker: str) -> ParsedTicker | None:
    """The parts of a market's ticker; None for a market of a series that is not ours."""
    event_ticker, _, suffix = ticker.rpartition("-")
    try:
        return (
            ParsedTicker(event_ticker, series_of(event_ticker.partition("-")[0]), climate_day(event_ticker))
            if suffix
            else None
        )
    except (KeyError, ValueError):
        return None
