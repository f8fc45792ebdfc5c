"""What is missing of the weather must be reported, and what is only over must not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from milkbot.domain.cities import series_of
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.markets import Event, Market, MarketStatus, Strike, StrikeType
from milkbot.trader.decide.proposals import Candidate
from milkbot.trader.decide.strategy import WEATHER_REASONS, Action, Decision, Reason
from milkbot.trader.decide.weather_report import weather_report
from milkbot.trader.observe.observation import CityWeather, Observed
from milkbot.trader.report import CityReport
from milkbot.weather.errors import WeatherReadError
from milkbot.weather.measured import Doubt, LeftOut, Measured
from milkbot.weather.values import ExtremeForecast, GridPoint, Observation

SERIES = series_of("KXHIGHNY")
CITY = SERIES.city
DAY, NEXT = date(2026, 8, 3), date(2026, 8, 4)
START, _ = CITY.day_bounds(DAY)
NOON = START + timedelta(hours=12)
ISSUED = datetime(2026, 8, 3, 12, 46, tzinfo=UTC)
FORECAST = ExtremeForecast("KNYC", DAY, 86.0, NOON + timedelta(hours=3), ISSUED, NOON, GridPoint("OKX", 34, 45))
READINGS = tuple(Observation("KNYC", START + timedelta(hours=hour), 70.0, "V") for hour in range(12))
GOOD = CityWeather(FORECAST, Measured(START, READINGS))


def candidates(weather: CityWeather, reason: Reason, day: date = DAY, markets: int = 2) -> list[Candidate]:
    """The decisions of an event."""
    ticker = f"KXHIGHNY-{day:%d}"
    market = Market(
        f"{ticker}-T", ticker, Strike(StrikeType.LESS, cap=80), MarketStatus.ACTIVE, NOON, NOON, "", "", (), 0, "", ""
    )
    event = Event(ticker, "KXHIGHNY", day, mutually_exclusive=True, markets=(market,) * markets)
    seen = Observed(event, SERIES, FeeSchedule(FeeType.QUADRATIC, Decimal(1)), weather, {})
    problem = reason if reason in WEATHER_REASONS else None
    return [Candidate(seen, market, Decision(market.ticker, Action.HOLD, (reason,)), problem)] * markets


def report(weather: CityWeather, reason: Reason, now: datetime = NOON) -> CityReport:
    return weather_report(candidates(weather, reason), now)["NYC"]


def test_a_healthy_city_has_its_cell_and_its_ages_and_no_problem() -> None:
    assert report(GOOD, Reason.EDGE_SMALL) == CityReport(ISSUED, "OKX/34,45", READINGS[-1].observed_at, 0, ())


def test_each_events_problem_is_reported_once_and_the_oldest_forecast_counts() -> None:
    older = replace(FORECAST, climate_day=NEXT, issued_at=ISSUED - timedelta(hours=20))
    found = weather_report(
        [
            *candidates(replace(GOOD, measured=Measured(START, ())), Reason.OBSERVATION_MISSING),
            *candidates(CityWeather(older), Reason.FORECAST_STALE, NEXT),
        ],
        NOON,
    )["NYC"]
    assert found.issued_at == older.issued_at
    assert found.problems == (
        "NYC 03 Aug: observation_missing, forecast of 03 Aug 12:46 UTC, no measurement",
        "NYC 04 Aug: forecast_stale, forecast of 02 Aug 16:46 UTC",
    )


def test_what_the_service_said_is_part_of_the_problem() -> None:
    weather = replace(GOOD, measured=None, observation_error=WeatherReadError("GET /stations: HTTP 500"))
    (problem,) = report(weather, Reason.OBSERVATION_UNAVAILABLE).problems
    assert "observation_unavailable, GET /stations: HTTP 500" in problem


@pytest.mark.parametrize(("hours", "problems"), [(17.9, 1), (18.0, 0), (23.0, 0)])
def test_a_forecast_whose_day_is_over_is_not_missed(hours: float, problems: int) -> None:
    weather = replace(GOOD, forecast=None)
    assert len(report(weather, Reason.FORECAST_MISSING, START + timedelta(hours=hours)).problems) == problems


def test_a_forecast_that_failed_is_missed_in_the_evening_too() -> None:
    weather = replace(GOOD, forecast=None, forecast_error=WeatherReadError("HTTP 500"))
    assert report(weather, Reason.FORECAST_MISSING, START + timedelta(hours=20)).problems


def test_a_reason_of_the_market_is_no_problem_of_the_weather() -> None:
    assert report(GOOD, Reason.BOOK_STALE).problems == ()


@pytest.mark.parametrize(("number", "problems"), [(1, 0), (3, 0), (4, 1)])
def test_measurements_that_are_left_out_are_counted_and_many_are_a_problem(number: int, problems: int) -> None:
    lost = tuple(LeftOut(one, Doubt.FLAGGED) for one in READINGS[:number])
    found = report(replace(GOOD, measured=Measured(START, READINGS, lost)), Reason.EDGE_SMALL)
    assert (found.left_out, len(found.problems)) == (number, problems)
    if problems:
        assert found.problems == ("NYC 03 Aug: 4 of 16 measurements left out (flagged 4)",)


def test_nothing_seen_is_no_report() -> None:
    assert weather_report([], NOON) == {}
