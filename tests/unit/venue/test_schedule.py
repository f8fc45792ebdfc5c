"""Orders that rest into a maintenance nobody read, or a day without trading because of a pause that is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fakes import reply
from tests.unit.venue.served import client

from milkbot.venue.errors import VenueReadError
from milkbot.venue.schedule import Pause, Schedule

ALL_DAY = [{"open_time": "00:00", "close_time": "00:00"}]
THURSDAY = [{"open_time": "05:00", "close_time": "00:00"}, {"open_time": "00:00", "close_time": "03:00"}]
DAYS = ("monday", "tuesday", "wednesday", "friday", "saturday", "sunday")


def body(*maintenance: tuple[str, str], **days: Any) -> dict[str, Any]:
    week = {
        "start_time": "2024-12-01T00:00:00Z",
        "end_time": "2200-12-01T00:00:00Z",
        **dict.fromkeys(DAYS, ALL_DAY),
        "thursday": THURSDAY,
        **days,
    }
    windows = [{"start_datetime": start, "end_datetime": end} for start, end in maintenance]
    return {"schedule": {"standard_hours": [week], "maintenance_windows": windows}}


def schedule(*maintenance: tuple[str, str], **days: Any) -> Schedule:
    kalshi, _, _ = client(reply(body(*maintenance, **days)))
    return kalshi.schedule()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-07-18T12:00", "2026-07-23T07:00", "2026-07-23T09:00"),
        ("2026-07-23T08:59", "2026-07-23T07:00", "2026-07-23T09:00"),
        ("2026-07-23T09:00", "2026-07-30T07:00", "2026-07-30T09:00"),
        ("2026-11-25T12:00", "2026-11-26T08:00", "2026-11-26T10:00"),
    ],
    ids=["ahead", "within", "after", "winter"],
)
def test_the_weekly_pause_is_found_in_eastern_civil_time(now: str, start: str, end: str) -> None:
    assert schedule().next_pause(utc(now)) == Pause(utc(start), utc(end))


def test_an_announced_maintenance_that_comes_first_is_the_next_pause() -> None:
    found = schedule(("2026-07-20T10:00:00Z", "2026-07-20T11:00:00Z")).next_pause(utc("2026-07-18T12:00"))
    assert found == Pause(utc("2026-07-20T10:00"), utc("2026-07-20T11:00"))


def test_a_maintenance_adjoining_the_weekly_pause_extends_it() -> None:
    found = schedule(("2026-07-23T08:00:00Z", "2026-07-23T12:00:00Z")).next_pause(utc("2026-07-22T12:00"))
    assert found == Pause(utc("2026-07-23T07:00"), utc("2026-07-23T12:00"))


def test_a_day_without_hours_is_a_pause_that_joins_the_next() -> None:
    found = schedule(saturday=[], sunday=[]).next_pause(utc("2026-07-24T12:00"))
    assert found == Pause(utc("2026-07-25T04:00"), utc("2026-07-27T04:00"))


def test_an_exchange_that_never_pauses_has_no_next_pause() -> None:
    assert schedule(thursday=ALL_DAY).next_pause(utc("2026-07-18T12:00")) is None


def test_hours_outside_their_validity_make_no_pause() -> None:
    kalshi, _, _ = client(
        reply({"schedule": {**body()["schedule"], "standard_hours": [
            {**body()["schedule"]["standard_hours"][0], "end_time": "2026-07-20T00:00:00Z"}
        ]}})
    )  # fmt: skip
    assert kalshi.schedule().next_pause(utc("2026-07-18T12:00")) is None


def test_a_pause_begins_and_ends_to_the_second() -> None:
    hours, start = schedule(), utc("2026-07-23T07:00")
    this, second = Pause(start, start + timedelta(hours=2)), timedelta(seconds=1)
    assert [hours.next_pause(moment) for moment in (start - second, start, this.ends_at - second)] == [this] * 3
    assert hours.next_pause(this.ends_at) == Pause(utc("2026-07-30T07:00"), utc("2026-07-30T09:00"))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (body(monday=[{"open_time": "24:00", "close_time": "00:00"}]), "monday.0.open_time: .*'24:00' is no time"),
        (body(monday=[{"open_time": "08:00"}]), "monday.0.close_time"),
        (body(("2026-07-20T12:00:00Z", "2026-07-20T11:00:00Z")), "ends before"),
        ({"schedule": {"standard_hours": []}}, "maintenance_windows"),
    ],
)
def test_an_invalid_schedule_is_an_error_that_names_the_part(bad: dict[str, Any], says: str) -> None:
    kalshi, _, _ = client(reply(bad))
    with pytest.raises(VenueReadError, match=says):
        kalshi.schedule()
