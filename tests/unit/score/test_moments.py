"""Decision times: the city's own clock, with daylight saving."""

from __future__ import annotations

from datetime import date

import pytest
from tests.unit.score.samples import event, utc

from milkbot.score.moments import UnknownMomentError, parse


@pytest.mark.parametrize(
    ("series", "day", "name", "moment"),
    [
        ("KXHIGHNY", date(2024, 11, 20), "prev18", "2024-11-19T23:00"),
        ("KXHIGHNY", date(2024, 8, 16), "prev18", "2024-08-15T22:00"),
        ("KXHIGHCHI", date(2024, 8, 16), "day10", "2024-08-16T15:00"),
        ("KXHIGHDEN", date(2025, 1, 3), "day10", "2025-01-03T17:00"),
        ("KXHIGHNY", date(2024, 11, 20), "day1030", "2024-11-20T15:30"),
    ],
)
def test_a_decision_time_is_on_the_citys_own_clock(series: str, day: date, name: str, moment: str) -> None:
    assert parse(name).of(event(day=day, series=series)) == utc(moment)


@pytest.mark.parametrize(
    ("day", "name", "moment"),
    [
        (date(2024, 11, 3), "prev18", "2024-11-02T22:00"),
        (date(2024, 11, 3), "day10", "2024-11-03T15:00"),
        (date(2024, 11, 4), "prev18", "2024-11-03T23:00"),
        (date(2025, 3, 9), "prev18", "2025-03-08T23:00"),
        (date(2025, 3, 9), "day10", "2025-03-09T14:00"),
        (date(2025, 3, 9), "day0230", "2025-03-09T07:30"),
    ],
)
def test_the_change_of_clocks_moves_a_decision_time_by_an_hour_on_its_own_day(
    day: date, name: str, moment: str
) -> None:
    assert parse(name).of(event(day=day)) == utc(moment)


def test_the_evening_before_the_first_of_march_is_the_leap_day() -> None:
    assert parse("prev18").of(event(day=date(2024, 3, 1))) == utc("2024-02-29T23:00")
    assert parse("prev18").of(event(day=date(2025, 3, 1))) == utc("2025-02-28T23:00")


@pytest.mark.parametrize("name", ["", "18", "day24", "prev7", "day1060", "tomorrow10"])
def test_what_is_no_decision_time_is_refused_with_the_form(name: str) -> None:
    with pytest.raises(UnknownMomentError, match="expected prevHH or dayHH"):
        parse(name)
