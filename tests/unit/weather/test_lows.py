"""Which of the grid's values is the minimum of a climate day: the night's, an evening's, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from milkbot.domain.cities import city_of_series
from milkbot.weather.lows import Coldest, low_of_day
from milkbot.weather.wire import GridLayer

NEW_YORK = city_of_series("KXLOWTNYC")
DAY = date(2026, 1, 20)
START = datetime(2026, 1, 20, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def layer(values: Mapping[tuple[datetime, int], float | None]) -> GridLayer:
    """Degrees Fahrenheit by start and hours."""
    rows = [{"validTime": f"{at.isoformat()}/PT{hours}H", "value": value} for (at, hours), value in values.items()]
    return GridLayer.model_validate({"uom": "wmoUnit:degF", "values": rows})


def night(value: float | None) -> GridLayer:
    """The night before DAY, 19:00 to 09:00, and the one after it, which is much colder."""
    return layer({(START - 5 * HOUR, 14): value, (START + 19 * HOUR, 14): 1.0})


def hours(**changed: float) -> GridLayer:
    """40 F from the evening before to the next morning, but what is given: h06=30 is 30 F from 06:00 on, m02 22:00."""
    degrees = dict.fromkeys((START + number * HOUR for number in range(-6, 33)), 40.0)
    for name, value in changed.items():
        degrees[START + (int(name[1:]) if name[0] == "h" else -int(name[1:])) * HOUR] = value
    return layer({(at, 1): value for at, value in degrees.items()})


def test_the_night_that_ends_in_the_morning_is_the_days() -> None:
    assert low_of_day(night(29.0), hours(h06=30), NEW_YORK, DAY) == Coldest(29.0, START + 6 * HOUR)


def test_a_night_that_was_coldest_before_midnight_is_the_day_befores() -> None:
    assert low_of_day(night(29.0), hours(m02=30, h06=33), NEW_YORK, DAY) == Coldest(33.0, START + 6 * HOUR)


def test_an_hour_as_cold_on_either_side_of_midnight_is_this_days() -> None:
    assert low_of_day(night(29.0), hours(m01=30, h00=30), NEW_YORK, DAY) == Coldest(29.0, START)


def test_an_evening_that_is_colder_than_the_dawn_counts() -> None:
    assert low_of_day(night(29.0), hours(h06=30, h23=20), NEW_YORK, DAY) == Coldest(20.0, START + 23 * HOUR)


def test_the_next_days_hours_do_not_count() -> None:
    found = low_of_day(night(29.0), hours(h06=30, h24=5, h30=0), NEW_YORK, DAY)
    assert found == Coldest(29.0, START + 6 * HOUR)


def test_once_the_night_is_over_the_rest_of_the_day_counts() -> None:
    rest = layer({(START + number * HOUR, 1): 40.0 - number for number in range(12, 26)})
    assert low_of_day(layer({}), rest, NEW_YORK, DAY) == Coldest(17.0, START + 23 * HOUR)


def test_a_day_whose_last_hour_is_missing_has_no_forecast() -> None:
    short = layer({(START + number * HOUR, 1): 40.0 for number in range(23)})
    assert low_of_day(night(29.0), short, NEW_YORK, DAY) is None
    assert low_of_day(night(29.0), layer({}), NEW_YORK, DAY) is None


def test_hours_that_are_sent_as_one_interval_are_each_counted() -> None:
    rows = {(START - 5 * HOUR, 6): 35.0, (START + HOUR, 12): 30.0, (START + 13 * HOUR, 12): 41.0}
    assert low_of_day(night(29.0), layer(rows), NEW_YORK, DAY) == Coldest(29.0, START + 8 * HOUR)


def test_values_that_are_null_and_windows_that_are_no_night_say_nothing() -> None:
    assert low_of_day(night(None), hours(h06=30), NEW_YORK, DAY) == Coldest(30.0, START + 6 * HOUR)
    week = layer({(START - 60 * HOUR, 130): 5.0})
    assert low_of_day(week, hours(h06=30), NEW_YORK, DAY) == Coldest(30.0, START + 6 * HOUR)


def test_in_summer_the_evening_ends_at_standard_midnight() -> None:
    start = datetime(2026, 7, 20, 5, tzinfo=UTC)
    degrees = {(start + number * HOUR, 1): 80.0 for number in range(24)} | {(start + 23 * HOUR, 1): 60.0}
    nights = layer({(start - 6 * HOUR, 14): 70.0})
    assert low_of_day(nights, layer(degrees), NEW_YORK, date(2026, 7, 20)) == Coldest(60.0, start + 23 * HOUR)


def test_a_layer_in_another_unit_is_refused() -> None:
    odd = GridLayer.model_validate({"uom": "K", "values": [{"validTime": f"{START.isoformat()}/PT1H", "value": 270}]})
    with pytest.raises(ValueError, match="expected degC or degF"):
        low_of_day(odd, hours(), NEW_YORK, DAY)
