"""A climate day by the wall clock loses an hour in summer; a wrong station trades another city's weather."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.domain.cities import City, cities, city_of_series

NEW_YORK = city_of_series("KXHIGHNY")


def test_each_of_the_seven_oldest_series_is_listed_once() -> None:
    series = ["KXHIGHNY", "KXHIGHCHI", "KXHIGHMIA", "KXHIGHLAX", "KXHIGHAUS", "KXHIGHDEN", "KXHIGHPHIL"]
    assert {c.series for c in cities()} >= set(series)
    for field in ("code", "series", "station", "climate_report"):
        assert len({getattr(c, field) for c in cities()}) == len(cities())


@pytest.mark.parametrize(
    ("series", "station", "report"),
    [
        ("KXHIGHNY", "KNYC", "CLINYC"),
        ("KXHIGHCHI", "KMDW", "CLIMDW"),
        ("KXHIGHMIA", "KMIA", "CLIMIA"),
        ("KXHIGHLAX", "KLAX", "CLILAX"),
        ("KXHIGHAUS", "KAUS", "CLIAUS"),
        ("KXHIGHDEN", "KDEN", "CLIDEN"),
        ("KXHIGHPHIL", "KPHL", "CLIPHL"),
    ],
)
def test_each_city_settles_at_its_own_station(series: str, station: str, report: str) -> None:
    city = city_of_series(series)
    assert (city.station, city.climate_report) == (station, report)


@pytest.mark.parametrize("city", cities(), ids=lambda city: str(city.code))
def test_the_offset_is_that_of_the_zone_in_winter(city: City) -> None:
    winter = datetime(2026, 1, 15, 12, tzinfo=ZoneInfo(city.time_zone))
    assert winter.utcoffset() == timedelta(hours=city.utc_offset_hours)


def test_an_unknown_series_is_refused_with_the_remedy() -> None:
    with pytest.raises(KeyError, match=r"cities\.toml"):
        city_of_series("KXHIGHOU")


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 7, 19, 4, 30, tzinfo=UTC), date(2026, 7, 18)),
        (datetime(2026, 7, 19, 5, 0, tzinfo=UTC), date(2026, 7, 19)),
        (datetime(2026, 1, 19, 4, 59, tzinfo=UTC), date(2026, 1, 18)),
        (datetime(2026, 1, 19, 5, 0, tzinfo=UTC), date(2026, 1, 19)),
    ],
    ids=["summer-00:30", "summer-01:00", "winter-23:59", "winter-00:00"],
)
def test_the_climate_day_begins_at_standard_midnight_in_summer_too(moment: datetime, day: date) -> None:
    assert NEW_YORK.climate_day_at(moment) == day


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)], ids=["spring-forward", "fall-back"])
def test_a_day_on_which_the_wall_clock_changes_still_has_24_hours(day: date) -> None:
    start, end = NEW_YORK.day_bounds(day)
    assert end - start == timedelta(hours=24)
    assert start == datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


@given(
    city=st.sampled_from(cities()),
    moment=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive by contract
)
def test_each_moment_belongs_to_exactly_one_day(city: City, moment: datetime) -> None:
    start, end = city.day_bounds(city.climate_day_at(moment))
    assert start <= moment < end
    assert city.climate_day_at(end) == city.climate_day_at(start) + timedelta(days=1)


def test_rules_name_the_station_whatever_their_spacing() -> None:
    assert NEW_YORK.settles_by("recorded in central park,\n  NEW YORK for July 19")
    assert not NEW_YORK.settles_by("recorded at LaGuardia Airport, New York")
    assert not NEW_YORK.settles_by("")


def test_no_city_accepts_the_rules_of_another() -> None:
    for city in cities():
        for other in cities():
            assert city.settles_by(f"as reported under {other.climate_report}.") is (city is other)
