"""One false reading of a thermometer would make a bracket certain or impossible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from milkbot.domain.cities import City, Extreme, cities, city_of_series
from milkbot.weather.measured import Doubt, Measured, measured
from milkbot.weather.values import Observation

NEW_YORK = city_of_series("KXHIGHNY")
START = datetime(2026, 7, 18, 5, 0, tzinfo=UTC)


def readings(*temperatures: float, first: datetime = START, step: timedelta = timedelta(hours=1)) -> list[Observation]:
    """One reading each hour, the first at the start of the day."""
    return [Observation("KNYC", first + number * step, value, "V") for number, value in enumerate(temperatures)]


def judged(observations: list[Observation], city: City = NEW_YORK) -> Measured:
    return measured(observations, city, START)


def doubts(found: Measured) -> list[tuple[float, Doubt]]:
    return [(row.observation.temperature_f, row.doubt) for row in found.left_out]


def test_the_highest_reading_of_an_ordinary_day_is_its_maximum_so_far() -> None:
    found = judged(readings(70, 68, 75, 84, 88, 86))
    assert (found.highest_f, found.left_out) == (88, ())
    assert found.newest == readings(70, 68, 75, 84, 88, 86)[-1]


@pytest.mark.parametrize("letter", ["X", "Q", "B", "I", "W"])
def test_a_reading_that_quality_control_doubts_is_left_out(letter: str) -> None:
    flagged = Observation("KNYC", START + timedelta(hours=2), 80, letter)
    found = judged([*readings(70, 72), flagged, *readings(74, 75, first=START + timedelta(hours=3))])
    assert (found.highest_f, doubts(found)) == (75, [(80, Doubt.FLAGGED)])


@pytest.mark.parametrize("letter", ["V", "S", "C", "G", "T", "Z", ""])
def test_a_reading_that_passed_or_was_not_checked_yet_counts(letter: str) -> None:
    passed = Observation("KNYC", START + timedelta(hours=2), 80, letter)
    assert judged([*readings(70, 72), passed]).highest_f == 80


@pytest.mark.parametrize("temperature", [140.0, 111.1, -20.1, -60.0])
def test_a_reading_far_beyond_the_records_is_left_out_even_if_verified_and_repeated(temperature: float) -> None:
    found = judged(readings(69, 70, temperature, temperature, 71, 72))
    assert found.highest_f == 72
    assert doubts(found) == [(temperature, Doubt.BEYOND_RECORD)] * 2


@pytest.mark.parametrize("temperature", [111.0, -20.0])
def test_a_reading_that_breaks_a_record_by_a_little_counts(temperature: float) -> None:
    assert temperature in {one.temperature_f for one in judged(readings(temperature, temperature)).kept}


@pytest.mark.parametrize("city", cities(), ids=lambda city: str(city.code))
def test_every_station_has_records_that_bound_140_degrees(city: City) -> None:
    assert city.record_low_f < city.record_high_f < 140 - 10
    assert judged(readings(140, 140, 140), city).kept == ()


def test_a_jump_and_back_is_left_out() -> None:
    found = judged(readings(70, 71, 100, 72, 73))
    assert (found.highest_f, doubts(found)) == (73, [(100, Doubt.UNCONFIRMED)])


def test_a_dip_and_back_is_left_out() -> None:
    found = judged(readings(70, 71, 40, 72, 73))
    assert doubts(found) == [(40, Doubt.UNCONFIRMED)]


def test_a_jump_counts_once_the_next_reading_confirms_it() -> None:
    assert judged(readings(70, 71, 90)).highest_f == 71
    assert judged(readings(70, 71, 90, 89)).highest_f == 90


def test_a_fall_that_remains_is_no_error() -> None:
    found = judged(readings(85, 86, 60, 59))
    assert (found.highest_f, found.left_out) == (86, ())


@pytest.mark.parametrize(("step", "counts"), [(15.0, True), (15.1, False)])
def test_neighbours_an_hour_apart_agree_within_15_degrees(step: float, *, counts: bool) -> None:
    assert (judged(readings(60, 60, 60 + step)).highest_f == 60 + step) is counts


@pytest.mark.parametrize(
    ("minutes", "counts"), [(5, False), (60, False), (80, True), (120, True), (180, True), (181, False)]
)
def test_a_longer_gap_allows_a_larger_step_up_to_three_hours(minutes: int, *, counts: bool) -> None:
    found = judged(
        readings(60, 60, first=START - timedelta(hours=1)) + readings(80, first=START + timedelta(minutes=minutes))
    )
    assert (found.highest_f == 80) is counts


def test_neighbours_of_minutes_agree_within_what_an_hour_allows() -> None:
    assert judged(readings(60, 60, 75, step=timedelta(minutes=5))).highest_f == 75


def test_a_single_reading_decides_nothing() -> None:
    found = judged(readings(100))
    assert (found.highest_f, found.newest, doubts(found)) == (None, None, [(100, Doubt.UNCONFIRMED)])


def test_a_flagged_reading_confirms_no_other() -> None:
    flagged = Observation("KNYC", START + timedelta(hours=3), 99, "X")
    found = judged([*readings(70, 71, 110), flagged, *readings(72, 73, first=START + timedelta(hours=4))])
    assert doubts(found) == [(110, Doubt.UNCONFIRMED), (99, Doubt.FLAGGED)]


def test_yesterdays_readings_confirm_and_are_no_maximum_of_today() -> None:
    found = judged(readings(90, 89, 88, first=START - timedelta(hours=2, minutes=7)))
    assert found.highest_f is None
    assert found.newest is not None
    assert found.newest.observed_at == START - timedelta(minutes=7)


def test_a_reading_at_the_first_moment_of_the_day_is_of_the_day() -> None:
    assert judged(readings(80, 79, first=START - timedelta(hours=1))).highest_f == 79


@pytest.mark.parametrize(
    ("flagged", "good", "many"),
    [(2, 2, False), (3, 9, True), (3, 10, False), (4, 12, True), (4, 13, False), (20, 0, True)],
)
def test_three_readings_and_a_quarter_of_them_are_too_many_to_lose(flagged: int, good: int, *, many: bool) -> None:
    bad = [Observation("KNYC", START + timedelta(minutes=number), 70, "X") for number in range(flagged)]
    assert judged([*bad, *readings(*[70.0] * good, first=START + timedelta(hours=1))]).many_left_out is many


def test_the_minimum_is_of_the_day_and_of_plausible_readings() -> None:
    found = judged(readings(60, 59, 57, 20, 58, first=START - timedelta(hours=1)))
    assert (found.lowest_f, found.highest_f) == (57, 59)
    assert (found.so_far(Extreme.LOW), found.so_far(Extreme.HIGH)) == (57, 59)
    assert judged(readings(60, 61, first=START - timedelta(hours=2))).lowest_f is None
