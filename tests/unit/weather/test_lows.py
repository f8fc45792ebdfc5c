"""Which of the grid's values is the minimum of a climate day: the night's, an evening's, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from milkbot.domain.cities import city_of_series
from milkbot.weather.lows import ForecastExtreme, low_of_day
from milkbot.weather.wire import GridLayer

NEW_YORK = city_of_series("KXLOWTNYC")
DAY = date(2026, 1, 20)
START = datetime(2026, 1, 20, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE = datetime(2026, 1, 19, 15, tzinfo=UTC)


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


def low(nights: GridLayer, hourly: GridLayer, now: datetime = BEFORE) -> ForecastExtreme | None:
    """Of DAY in New York."""
    return low_of_day(nights, hourly, NEW_YORK, DAY, now)


def test_the_night_that_ends_in_the_morning_is_the_days() -> None:
    assert low(night(29.0), hours(h06=30)) == ForecastExtreme(29.0, START + 6 * HOUR)


def test_a_night_that_was_coldest_before_midnight_is_the_day_befores() -> None:
    assert low(night(29.0), hours(m02=30, h06=33)) == ForecastExtreme(33.0, START + 6 * HOUR)


def test_an_hour_as_cold_on_either_side_of_midnight_is_this_days() -> None:
    assert low(night(29.0), hours(m01=30, h00=30)) == ForecastExtreme(29.0, START)


def test_an_evening_that_is_colder_than_the_dawn_counts() -> None:
    assert low(night(29.0), hours(h06=30, h23=20)) == ForecastExtreme(20.0, START + 23 * HOUR)


def test_the_next_days_hours_do_not_count() -> None:
    found = low(night(29.0), hours(h06=30, h24=5, h30=0))
    assert found == ForecastExtreme(29.0, START + 6 * HOUR)


def test_once_the_night_is_over_the_rest_of_the_day_counts() -> None:
    rest = layer({(START + number * HOUR, 1): 40.0 - number for number in range(12, 26)})
    assert low(layer({}), rest) == ForecastExtreme(17.0, START + 23 * HOUR)


def test_a_day_whose_last_hour_is_missing_has_no_forecast() -> None:
    short = layer({(START + number * HOUR, 1): 40.0 for number in range(23)})
    assert low(night(29.0), short) is None
    assert low(night(29.0), layer({})) is None


def test_hours_that_are_sent_as_one_interval_are_each_counted() -> None:
    rows = {(START - 5 * HOUR, 6): 35.0, (START + HOUR, 12): 30.0, (START + 13 * HOUR, 12): 41.0}
    assert low(night(29.0), layer(rows)) == ForecastExtreme(29.0, START + 8 * HOUR)


def test_values_that_are_null_and_windows_that_are_no_night_say_nothing() -> None:
    assert low(night(None), hours(h06=30)) == ForecastExtreme(30.0, START + 6 * HOUR)
    week = layer({(START - 60 * HOUR, 130): 5.0})
    assert low(week, hours(h06=30)) == ForecastExtreme(30.0, START + 6 * HOUR)


def test_in_summer_the_evening_ends_at_standard_midnight() -> None:
    start = datetime(2026, 7, 20, 5, tzinfo=UTC)
    degrees = {(start + number * HOUR, 1): 80.0 for number in range(24)} | {(start + 23 * HOUR, 1): 60.0}
    nights = layer({(start - 6 * HOUR, 14): 70.0})
    assert low_of_day(nights, layer(degrees), NEW_YORK, date(2026, 7, 20), BEFORE) == ForecastExtreme(
        60.0, start + 23 * HOUR
    )


def test_hours_that_are_over_do_not_count_nor_does_a_night_whose_coldest_hour_is_over() -> None:
    grid = night(29.0), hours(h06=30, h09=33, h22=35)
    found = [low_of_day(*grid, NEW_YORK, DAY, START + number * HOUR) for number in (6, 7, 9, 10)]
    assert found == [
        ForecastExtreme(29.0, START + 6 * HOUR),
        ForecastExtreme(33.0, START + 9 * HOUR),
        ForecastExtreme(33.0, START + 9 * HOUR),
        ForecastExtreme(35.0, START + 22 * HOUR),
    ]


def test_an_hour_counts_until_it_is_over() -> None:
    half_past = START + 6.5 * HOUR
    assert low(night(29.0), hours(h06=30), half_past) == ForecastExtreme(29.0, START + 6 * HOUR)


def test_a_night_far_below_its_hours_was_coldest_in_one_that_is_gone() -> None:
    late = {(START + number * HOUR, 1): 40.0 for number in range(2, 24)} | {(START + 6 * HOUR, 1): 33.0}
    now = START + 2 * HOUR
    assert low(night(29.5), layer(late), now) == ForecastExtreme(33.0, START + 6 * HOUR)
    assert low(night(30.0), layer(late), now) == ForecastExtreme(30.0, START + 6 * HOUR)


def test_a_day_that_is_over_has_no_forecast() -> None:
    assert low(night(29.0), hours(h06=30), START + 25 * HOUR) is None


def test_a_layer_in_another_unit_is_refused() -> None:
    odd = GridLayer.model_validate({"uom": "K", "values": [{"validTime": f"{START.isoformat()}/PT1H", "value": 270}]})
    with pytest.raises(ValueError, match="expected degC or degF"):
        low_of_day(odd, hours(), NEW_YORK, DAY, BEFORE)
