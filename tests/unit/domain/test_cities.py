"""A climate day by the wall clock loses an hour in summer; a wrong station trades another city's weather."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.domain.cities import (
    TABLE,
    City,
    Extreme,
    Series,
    all_series,
    cities,
    city_of_series,
    extreme_in,
    series_of,
)
from milkbot.settings import TRADED_SERIES

NEW_YORK = city_of_series("KXHIGHNY")
HIGH, LOW = "the highest temperature recorded at", "the minimum temperature recorded at"


def test_no_ticker_code_or_station_is_listed_twice() -> None:
    tickers = [ticker for city in cities() for ticker in (city.high, city.low)]
    assert len(set(tickers)) == len(tickers) == len(all_series()) == 2 * len(cities()) == 48
    for field in ("code", "name", "station", "climate_report"):
        assert len({getattr(city, field) for city in cities()}) == len(cities())


def test_keys_of_caches_do_not_collide() -> None:
    assert len({hash(city) for city in cities()}) == len(cities())
    assert len({hash(series) for series in all_series()}) == len(all_series())


def test_without_the_operator_only_the_seven_oldest_highs_are_traded() -> None:
    assert [series_of(ticker).extreme for ticker in TRADED_SERIES] == [Extreme.HIGH] * 7
    assert [series_of(ticker).city for ticker in TRADED_SERIES] == list(cities()[:7])


@pytest.mark.parametrize(
    ("high", "low", "station", "report"),
    [
        ("KXHIGHNY", "KXLOWTNYC", "KNYC", "CLINYC"),
        ("KXHIGHCHI", "KXLOWTCHI", "KMDW", "CLIMDW"),
        ("KXHIGHTHOU", "KXLOWTHOU", "KHOU", "CLIHOU"),
        ("KXHIGHTDAL", "KXLOWTDAL", "KDFW", "CLIDFW"),
        ("KXHIGHTNOLA", "KXLOWTNOLA", "KMSY", "CLIMSY"),
        ("KXHIGHTSATX", "KXLOWTSATX", "KSAT", "CLISAT"),
        ("KXHIGHTSDF", "KXLOWTSDF", "KSDF", "CLISDF"),
        ("KXHIGHTMIN", "KXLOWTMIN", "KMSP", "CLIMSP"),
        ("KXHIGHPHIL", "KXLOWTPHIL", "KPHL", "CLIPHL"),
    ],
)
def test_both_series_of_a_city_settle_at_its_own_station(high: str, low: str, station: str, report: str) -> None:
    city = city_of_series(high)
    assert (city.station, city.climate_report) == (station, report)
    assert (series_of(high).extreme, series_of(low).extreme) == (Extreme.HIGH, Extreme.LOW)
    assert city_of_series(low) is city


@pytest.mark.parametrize("city", cities(), ids=lambda city: str(city.code))
def test_each_row_was_read_at_two_places_at_least(city: City) -> None:
    places = tomllib.loads(TABLE.read_text("utf-8"))["evidence"]
    assert len(set(city.evidence)) == len(city.evidence) >= 2
    assert set(city.evidence) <= set(places)


# Closing times as read at the exchange on 2026-09-24 (evidence: open-markets), in UTC, for the day before.
@pytest.mark.parametrize(
    ("hour", "series"),
    [
        (5, "KXHIGHNY KXHIGHMIA KXHIGHPHIL KXHIGHTATL KXHIGHTBOS KXHIGHTDC"),
        (6, "KXHIGHCHI KXHIGHAUS KXHIGHTDAL KXHIGHTMIN KXHIGHTHOU KXLOWTCHI"),
        (7, "KXHIGHDEN KXHIGHTPHX"),
        (8, "KXHIGHLAX KXHIGHTSFO KXHIGHTSEA KXHIGHTLV"),
    ],
)
def test_the_climate_day_ends_when_the_exchange_closes_the_series(hour: int, series: str) -> None:
    ends = {city_of_series(ticker).day_bounds(date(2026, 9, 24))[1] for ticker in series.split()}
    assert ends == {datetime(2026, 9, 25, hour, tzinfo=UTC)}


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


@pytest.mark.parametrize(
    ("day", "at", "moment"),
    [
        (date(2026, 1, 19), time(7), datetime(2026, 1, 19, 12, tzinfo=UTC)),
        (date(2026, 7, 19), time(7), datetime(2026, 7, 19, 11, tzinfo=UTC)),
        (date(2026, 3, 8), time(2, 30), datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
    ],
    ids=["winter", "summer", "left out in spring"],
)
def test_a_citys_clocks_have_daylight_saving(day: date, at: time, moment: datetime) -> None:
    assert NEW_YORK.moment(day, at) == moment


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


@pytest.mark.parametrize("name", [city.name for city in cities()[7:]])
def test_a_city_that_rules_only_call_by_its_name_is_not_traded(name: str) -> None:
    assert not any(series.settles_by(f"If the maximum temperature recorded at {name} for") for series in all_series())


@pytest.mark.parametrize("series", all_series(), ids=lambda series: str(series.ticker))
def test_rules_of_today_name_station_and_extreme_of_one_series(series: Series) -> None:
    word = {Extreme.HIGH: "maximum", Extreme.LOW: "minimum"}[series.extreme]
    rules = (
        f"If the {word} temperature recorded at {series.city.name} ({series.city.climate_report}) for Sep 25, 2026, is "
        "less than 80\N{DEGREE SIGN} fahrenheit according to The Weather Company, then the market resolves to Yes."
    )
    assert [other.ticker for other in all_series() if other.settles_by(rules)] == [series.ticker]


@pytest.mark.parametrize(
    ("rules", "extreme"),
    [
        (f"If {HIGH} Central Park", Extreme.HIGH),
        (f"If {LOW} Central Park", Extreme.LOW),
        ("If the  Lowest\nTemperature recorded", Extreme.LOW),
        ("If the temperature recorded", None),
        (f"If {HIGH} or {LOW}", None),
    ],
)
def test_rules_that_name_no_extreme_or_both_name_none(rules: str, extreme: Extreme | None) -> None:
    assert extreme_in(rules) is extreme
