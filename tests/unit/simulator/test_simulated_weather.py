"""What the public may know, and when."""

from __future__ import annotations

import statistics
from datetime import UTC, date, datetime, timedelta

import pytest

from milkbot.domain.cities import City, Extreme, cities, series_of
from milkbot.simulator.world.truth import Truth
from milkbot.simulator.world.weather import SimulatedWeather

TRUTH = Truth(3)
NEW_YORK = cities()[0]
WEATHER = SimulatedWeather(TRUTH)
NOON = datetime(2026, 8, 1, 18, 0, tzinfo=UTC)
LATER = timedelta(hours=12)
DAYS = [date(2026, 1, 3) + timedelta(days=number * 9) for number in range(40)]


def test_forecast_is_invisible_until_it_is_published() -> None:
    issue = datetime(2026, 8, 1, 12, 46, tzinfo=UTC)
    early = WEATHER.forecast(NEW_YORK, issue + timedelta(minutes=3))
    late = WEATHER.forecast(NEW_YORK, issue + timedelta(minutes=4))

    assert early.issued_at == issue - timedelta(hours=6)
    assert late.issued_at == issue


def test_a_forecast_is_unchanged_between_issues() -> None:
    first = WEATHER.forecast(NEW_YORK, datetime(2026, 8, 1, 13, 0, tzinfo=UTC))
    later = WEATHER.forecast(NEW_YORK, datetime(2026, 8, 1, 18, 0, tzinfo=UTC))

    assert first.highs == later.highs


def test_a_past_day_has_no_forecast() -> None:
    evening = datetime(2026, 8, 2, 1, 0, tzinfo=UTC)

    assert min(WEATHER.forecast(NEW_YORK, evening - timedelta(seconds=1)).highs) == date(2026, 8, 1)
    assert min(WEATHER.forecast(NEW_YORK, evening).highs) == date(2026, 8, 2)


def test_no_measurement_is_of_the_future() -> None:
    readings = WEATHER.readings(NEW_YORK, NOON - timedelta(days=1), NOON + timedelta(days=2), NOON)

    assert readings[0].at == datetime(2026, 8, 1, 17, 53, tzinfo=UTC)
    assert [r.at for r in readings] == sorted((r.at for r in readings), reverse=True)
    assert len(readings) == 24


@pytest.mark.parametrize("city", cities(), ids=lambda city: city.code)
def test_measured_maximum_agrees_with_the_official_high(city: City) -> None:
    for day in DAYS:
        start, end = city.day_bounds(day)
        hottest = max(r.fahrenheit for r in WEATHER.readings(city, start, end - timedelta(seconds=1), end + LATER))
        official = WEATHER.official(series_of(str(city.high)), day)
        assert official - 1 <= hottest <= official


def test_running_maximum_only_grows_and_ends_at_the_truth() -> None:
    for city in cities():
        for day in DAYS[::5]:
            start, end = city.day_bounds(day)
            steps = [start + timedelta(minutes=20 * number) for number in range(72)]
            maxima = [WEATHER.measured_maximum(city, day, at) for at in steps]
            assert maxima == sorted(maxima)
            assert WEATHER.measured_maximum(city, day, end) == TRUTH.high(city, day)


@pytest.mark.parametrize("city", cities(), ids=lambda city: city.code)
def test_measured_minimum_agrees_with_the_official_low(city: City) -> None:
    for day in DAYS:
        start, end = city.day_bounds(day)
        coldest = min(r.fahrenheit for r in WEATHER.readings(city, start, end - timedelta(seconds=1), end + LATER))
        official = WEATHER.official(series_of(str(city.low)), day)
        assert official <= coldest <= official + 1


def test_running_minimum_only_falls_and_ends_at_the_truth() -> None:
    for city in cities():
        for day in DAYS[::5]:
            start, end = city.day_bounds(day)
            minima = [
                WEATHER.measured_minimum(city, day, start + timedelta(minutes=20 * number)) for number in range(72)
            ]
            assert minima == sorted(minima, reverse=True)
            assert round(WEATHER.measured_minimum(city, day, end)) == WEATHER.official(series_of(str(city.low)), day)


def test_some_climate_days_are_coldest_in_the_evening_and_most_at_dawn() -> None:
    days = [date(2026, 1, 3) + timedelta(days=number) for number in range(0, 360, 3)]
    evenings = [WEATHER.curve(city).evening(day) < TRUTH.dawn(city, day) - 1 for city in cities() for day in days]
    assert 0.005 < sum(evenings) / len(evenings) < 0.2


def test_a_night_has_no_forecast_once_its_morning_is_over() -> None:
    nine = datetime(2026, 8, 2, 14, 0, tzinfo=UTC)

    assert min(WEATHER.forecast(NEW_YORK, nine - timedelta(seconds=1)).lows) == date(2026, 8, 2)
    assert min(WEATHER.forecast(NEW_YORK, nine).lows) == date(2026, 8, 3)


def test_the_public_forecast_of_a_high_is_too_low_as_recorded_ones_were() -> None:
    misses = []
    for seed in range(8):
        weather = SimulatedWeather(Truth(seed))
        for city in cities():
            for day in DAYS[::4]:
                morning = city.day_bounds(day)[0] + timedelta(hours=8)
                misses.append(
                    weather.forecast(city, morning).highs[day] - weather.official(series_of(str(city.high)), day)
                )

    assert -1.62 < statistics.fmean(misses) < -1.20
    assert 2.0 < statistics.pstdev(misses) < 2.8


def test_no_issue_of_the_afternoon_knows_what_the_thermometer_will_show() -> None:
    found = []
    for day in DAYS:
        start, _ = NEW_YORK.day_bounds(day)
        morning, late = (WEATHER.published(NEW_YORK, Extreme.HIGH, day, start + timedelta(hours=at)) for at in (9, 19))
        found += [late - TRUTH.high(NEW_YORK, day)]
        assert late != morning

    assert statistics.pstdev(found) > 1.5
