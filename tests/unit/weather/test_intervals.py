"""An interval that is read wrongly puts a maximum on the wrong climate day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.weather.intervals import parse_interval


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2026-07-18T12:00:00+00:00/PT13H", timedelta(hours=13)),
        ("2026-07-18T12:00:00+00:00/P1D", timedelta(days=1)),
        ("2026-07-18T12:00:00+00:00/P7DT14H", timedelta(days=7, hours=14)),
        ("2026-07-18T12:00:00Z/PT1H30M5S", timedelta(hours=1, minutes=30, seconds=5)),
    ],
)
def test_each_form_of_duration_that_the_service_uses_is_read(text: str, length: timedelta) -> None:
    found = parse_interval(text)
    assert (found.start, found.length) == (datetime(2026, 7, 18, 12, tzinfo=UTC), length)


def test_the_midpoint_lies_half_way() -> None:
    assert parse_interval("2026-07-18T12:00:00+00:00/PT13H").midpoint == datetime(2026, 7, 18, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-07-18T12:00:00+00:00",
        "2026-07-18T12:00:00/PT13H",
        "2026-07-18T12:00:00+00:00/",
        "2026-07-18T12:00:00+00:00/P",
        "2026-07-18T12:00:00+00:00/PT0H",
        "2026-07-18T12:00:00+00:00/P1M",
        "noon/PT13H",
    ],
)
def test_a_text_that_is_no_interval_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"interval|isoformat"):
        parse_interval(text)


@given(st.integers(0, 9), st.integers(0, 23), st.integers(1, 59))
def test_a_duration_is_read_back_as_it_was_written(days: int, hours: int, minutes: int) -> None:
    found = parse_interval(f"2026-07-18T12:00:00+00:00/P{days}DT{hours}H{minutes}M")
    assert found.length == timedelta(days=days, hours=hours, minutes=minutes)
