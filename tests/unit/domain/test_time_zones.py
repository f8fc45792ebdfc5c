"""A host whose own time zone is not UTC must not move a climate day, rename an order or age a price."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as day_time

import pytest

from milkbot.domain.cities import cities
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import client_order_id

MOMENT = datetime(2026, 7, 18, 14, tzinfo=UTC)


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def host_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A host in that zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("host_zone")
def test_a_client_order_id_is_the_same_on_every_host() -> None:
    name = client_order_id(TradingMode.DEMO, "T", "s", MOMENT, 1)
    assert name == "mb-9e20b1caff86c1cf2b3e103171733743fa517da0"


@pytest.mark.usefixtures("host_zone")
def test_a_climate_day_has_its_bounds_in_utc() -> None:
    start, end = cities()[0].day_bounds(date(2026, 7, 18))
    assert (start.isoformat(), end.isoformat()) == ("2026-07-18T05:00:00+00:00", "2026-07-19T05:00:00+00:00")


@pytest.mark.usefixtures("host_zone")
def test_a_time_of_a_citys_clocks_is_a_moment_in_utc() -> None:
    assert cities()[0].moment(date(2026, 7, 18), day_time(7)).isoformat() == "2026-07-18T11:00:00+00:00"


@pytest.mark.usefixtures("host_zone")
def test_the_clock_gives_utc() -> None:
    before, now, after = time.time(), SystemClock().now(), time.time()
    assert now.utcoffset() == timedelta(0)
    assert before <= now.timestamp() <= after


def test_the_clock_sleeps_for_the_given_time() -> None:
    begun = time.monotonic()
    SystemClock().sleep(0.02)
    assert time.monotonic() - begun >= 0.02
