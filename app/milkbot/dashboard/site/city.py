"""`/city/CODE`: what is forecast for a city's days, beside what the market says, and how its days ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from milkbot import amounts
from milkbot.analytics.service.market_schemas import Bracket, EventForecast, Markets, Results, Today
from milkbot.analytics.service.schemas import PlatformStatus
from milkbot.dashboard import wording
from milkbot.dashboard.api_client import AnalyticsApi, NoSuchAddressError
from milkbot.dashboard.notices import Notice
from milkbot.dashboard.site.drawing import draw
from milkbot.dashboard.site.pages import Page, status_values
from milkbot.dashboard.site.settled import settled_lines
from milkbot.domain.cities import City, Extreme
from milkbot.domain.modes import TradingMode

SHOWN_MARKETS = 60
SHOWN_RESULTS = 96
"""Eight days of a high and a low."""


@dataclass(frozen=True, slots=True)
class BracketLine:
    """One bracket of an event. `ours` and `market` are chances of YES; bars are of a hundred."""

    degrees: str
    celsius: str
    ticker: str
    ours: str
    our_bar: int
    market: str
    market_bar: int
    held: str
    impossible: bool


@dataclass(frozen=True, slots=True)
class DayForecast:
    """One event: a city's high or low of a day."""

    measure: Extreme
    day: str
    ends: str
    expected: str
    expected_at: str
    observed: str
    no_chances: str
    as_of: datetime
    brackets: tuple[BracketLine, ...]


NO_CHANCES = "The forecaster gave no chances for this day."


def forecast_line(event: EventForecast, city: City) -> DayForecast:
    """An event in words."""
    return DayForecast(
        measure=event.measure,
        day=f"{wording.day(event.climate_day)} ({wording.zone_name(city)})",
        ends=wording.city_time(city, event.day_ends),
        expected=f"{event.forecast_f:.0f} °F" if event.forecast_f is not None else amounts.NOTHING,
        expected_at=wording.city_time(city, event.as_of),
        observed=f"{event.observed_f:.1f} °F" if event.observed_f is not None else "",
        no_chances="" if event.reason is None else NO_CHANCES,
        as_of=event.as_of,
        brackets=tuple(_bracket(bracket, event) for bracket in event.brackets),
    )


def _bracket(bracket: Bracket, event: EventForecast) -> BracketLine:
    strike = wording.strike_of(bracket)
    return BracketLine(
        degrees=wording.degrees(strike) if strike else bracket.ticker.rsplit("-", 1)[-1],
        celsius=wording.celsius(strike) if strike else "",
        ticker=bracket.ticker,
        ours=wording.chance(bracket.probability),
        our_bar=round(100 * (bracket.probability or 0)),
        market=wording.chance(bracket.market_probability),
        market_bar=round(100 * (bracket.market_probability or 0)),
        held=f"{bracket.held_leg.upper()} {amounts.contracts(bracket.held)}" if bracket.held_leg else "",
        impossible=strike is not None and _passed(strike.lower_edge, strike.upper_edge, event),
    )


def _passed(low: float, high: float, event: EventForecast) -> bool:
    """Whether what was measured so far has left a bracket behind: a high only rises, a low only falls."""
    if event.observed_f is None:
        return False
    return event.observed_f > high if event.measure is Extreme.HIGH else event.observed_f < low


@dataclass(frozen=True, slots=True)
class CityAnswers:
    """What a city's page is drawn from."""

    today: Today
    markets: Markets
    results: Results
    status: PlatformStatus

    @property
    def mode(self) -> TradingMode | None:
        """None before the first tick."""
        return self.today.mode


@dataclass(frozen=True, slots=True)
class CityPage(Page[CityAnswers]):
    """A city's page, by its code."""

    code: str
    path: ClassVar[str] = ""

    @property
    def city(self) -> City:
        """The city. Raises KeyError for a code that cities.toml does not have: no such page is made."""
        found = wording.city_of(self.code)
        if found is None:
            raise KeyError(self.code)
        return found

    def read(self, api: AnalyticsApi) -> CityAnswers:
        """Ask the API. Raises ApiUnavailableError; an API that has no results yet is done without."""
        today, markets, status = api.today(self.code), api.markets(self.code, SHOWN_MARKETS), api.status()
        try:
            return CityAnswers(today, markets, api.results(self.code, SHOWN_RESULTS), status)
        except NoSuchAddressError:
            none = Results(mode=today.mode, as_of=today.as_of, delay_minutes=today.delay_minutes, results=[])
            return CityAnswers(today, markets, none, status)

    def draw(self, answers: CityAnswers, *, now: datetime, away: Notice | None, refresh: int) -> str:
        """The markup."""
        city = self.city
        return draw(
            "city",
            now=now,
            refresh=refresh,
            mode=answers.mode,
            summary=f"Forecasts and markets of {city.name}'s daily high and low: our chances beside the market's.",
            **status_values(answers.status, away, now),
            city=city,
            events=[forecast_line(event, city) for event in answers.today.events],
            settled=settled_lines(answers.markets, answers.results),
        )
