"""A forecast of the wrong day, in the wrong unit or long out of date is traded on like a right one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs
from tests.fakes import NOON, Answer, FakeClock, ScriptedServer, reply

from milkbot.domain.cities import City, city_of_series
from milkbot.errors import ConfigError
from milkbot.http import Backoff
from milkbot.weather.client import WeatherClient
from milkbot.weather.errors import WeatherReadError
from milkbot.weather.values import GridPoint

BASE = "https://weather.test"
AGENT = "milkbot (operator@example.org)"
BACKOFF = Backoff(attempts=2, base_seconds=1.0, longest_seconds=1.0, jitter=lambda: 1.0)
NEW_YORK, LOS_ANGELES = city_of_series("KXHIGHNY"), city_of_series("KXHIGHLAX")
DAY = date(2026, 7, 18)
POINT = {"properties": {"gridId": "OKX", "gridX": 34, "gridY": 45}}


def grid(*values: tuple[str, float | None], unit: str = "wmoUnit:degC") -> dict[str, object]:
    layer = {"uom": unit, "values": [{"validTime": when, "value": value} for when, value in values]}
    return {"properties": {"updateTime": "2026-07-18T10:15:41+00:00", "maxTemperature": layer}}


TODAY = grid(("2026-07-18T11:00:00+00:00/PT13H", 30.0))


def client(
    *answers: Answer, cache_seconds: float = 600, cache_directory: Path | None = None
) -> tuple[WeatherClient, ScriptedServer, FakeClock]:
    server, clock = ScriptedServer(*answers), FakeClock()
    weather = WeatherClient(BASE, AGENT, clock, cache_seconds, server.transport, cache_directory, BACKOFF)
    return weather, server, clock


def high(city: City, day: date, body: dict[str, object]) -> float | None:
    weather, _, _ = client(reply(POINT), reply(body))
    found = weather.high_forecast(city, day)
    return None if found is None else found.high_f


def test_a_forecast_has_its_time_of_issue_and_of_retrieval() -> None:
    weather, server, _ = client(reply(POINT), reply(TODAY))
    found = weather.high_forecast(NEW_YORK, DAY)
    assert found is not None
    assert (found.station, found.climate_day, found.high_f) == ("KNYC", DAY, 86.0)
    assert found.issued_at == datetime(2026, 7, 18, 10, 15, 41, tzinfo=UTC)
    assert found.fetched_at == NOON
    assert [r.url.path for r in server.requests] == ["/points/40.7794,-73.9692", "/gridpoints/OKX/34,45"]
    assert server.requests[0].headers["User-Agent"] == AGENT


def test_coordinates_are_written_in_the_form_that_is_not_redirected() -> None:
    weather, server, _ = client(reply(POINT))
    assert weather.point(city_of_series("KXHIGHMIA")) == GridPoint("OKX", 34, 45)
    assert server.requests[0].url.path == "/points/25.7959,-80.287"


def test_each_window_belongs_to_the_climate_day_of_its_midpoint() -> None:
    windows = grid(
        ("2026-07-18T11:00:00+00:00/PT13H", 30.0),
        ("2026-07-19T11:00:00+00:00/PT13H", 35.0),
    )
    assert high(NEW_YORK, date(2026, 7, 19), windows) == 95.0


def test_a_western_window_that_ends_on_the_next_utc_day_keeps_its_day() -> None:
    assert high(LOS_ANGELES, DAY, grid(("2026-07-18T14:00:00+00:00/PT13H", 25.0))) == 77.0


def test_the_hour_after_midnight_of_summer_time_is_still_the_day_before() -> None:
    # 04:30 UTC is 00:30 in New York's summer time and 23:30 standard: the climate day of the 18th.
    assert high(NEW_YORK, DAY, grid(("2026-07-19T04:00:00+00:00/PT1H", 20.0))) == 68.0


def test_a_day_of_several_periods_has_the_highest_of_them() -> None:
    pieces = grid(("2026-07-18T11:00:00+00:00/PT6H", 28.0), ("2026-07-18T17:00:00+00:00/PT7H", 30.0))
    assert high(NEW_YORK, DAY, pieces) == 86.0


@pytest.mark.parametrize(
    "body",
    [
        grid(),
        grid(("2026-07-19T11:00:00+00:00/PT13H", 30.0)),
        grid(("2026-07-18T11:00:00+00:00/PT13H", None)),
        grid(("2026-07-18T00:00:00+00:00/P2D", 30.0)),
        {"properties": {"updateTime": "2026-07-18T10:15:41+00:00", "maxTemperature": {"values": []}}},
    ],
    ids=["empty", "other-day", "null", "two-days", "no-unit"],
)
def test_a_day_without_a_value_has_no_forecast_and_no_default(body: dict[str, object]) -> None:
    assert high(NEW_YORK, DAY, body) is None


def test_a_temperature_in_fahrenheit_is_not_converted() -> None:
    assert high(NEW_YORK, DAY, grid(("2026-07-18T11:00:00+00:00/PT13H", 86.0), unit="wmoUnit:degF")) == 86.0


@pytest.mark.parametrize(
    "body",
    [
        grid(("2026-07-18T11:00:00+00:00/PT13H", 300.0), unit="wmoUnit:K"),
        grid(("2026-07-18T11:00:00/PT13H", 30.0)),
        {"properties": {"maxTemperature": {"uom": "wmoUnit:degC", "values": []}}},
        {"properties": {"updateTime": "2026-07-18T10:15:41+00:00"}},
        {"properties": {"updateTime": "2026-07-18T10:15:41+00:00", "periods": []}},
    ],
    ids=["kelvin", "no-offset", "no-issue-time", "no-layer", "not-the-raw-grid"],
)
def test_an_invalid_grid_is_an_error(body: dict[str, object]) -> None:
    with pytest.raises(WeatherReadError, match="gridpoints"):
        high(NEW_YORK, DAY, body)


def test_a_cached_forecast_is_used_until_it_expires() -> None:
    weather, server, clock = client(reply(POINT), reply(TODAY), reply(grid()))
    weather.high_forecast(NEW_YORK, DAY)
    clock.time += timedelta(seconds=599)
    assert weather.high_forecast(NEW_YORK, DAY) is not None
    clock.time += timedelta(seconds=1)
    assert weather.high_forecast(NEW_YORK, DAY) is None
    assert len(server.requests) == 3


def test_the_services_own_max_age_is_honoured() -> None:
    fresh = reply(TODAY, headers={"Cache-Control": "public, s-maxage=120, max-age=3600"})
    weather, server, clock = client(reply(POINT), fresh)
    weather.high_forecast(NEW_YORK, DAY)
    clock.time += timedelta(seconds=3599)
    weather.high_forecast(NEW_YORK, DAY)
    assert len(server.requests) == 2


def test_an_unchanged_forecast_is_confirmed_and_not_sent_again() -> None:
    stamp = "Sat, 18 Jul 2026 10:15:41 GMT"
    weather, server, clock = client(
        reply(POINT), reply(TODAY, headers={"Last-Modified": stamp}), *[httpx2.Response(304), httpx2.Response(304)]
    )
    weather.high_forecast(NEW_YORK, DAY)
    for _ in range(2):
        clock.time += timedelta(seconds=600)
        found = weather.high_forecast(NEW_YORK, DAY)
        assert found is not None
        assert (found.high_f, found.fetched_at) == (86.0, clock.time)
    assert [r.headers.get("If-Modified-Since") for r in server.requests] == [None, None, stamp, stamp]


def test_an_expired_forecast_that_cannot_be_confirmed_is_not_used() -> None:
    weather, _, clock = client(reply(POINT), reply(TODAY), reply({}, 500), reply({}, 500))
    weather.high_forecast(NEW_YORK, DAY)
    clock.time += timedelta(hours=1)
    with pytest.raises(WeatherReadError, match="500"):
        weather.high_forecast(NEW_YORK, DAY)


def test_an_answer_that_must_not_be_stored_is_read_again() -> None:
    secret = {"Cache-Control": "no-store"}
    weather, server, _ = client(reply(POINT), reply(TODAY, headers=secret), reply(TODAY, headers=secret))
    weather.high_forecast(NEW_YORK, DAY)
    weather.high_forecast(NEW_YORK, DAY)
    assert len(server.requests) == 3


def test_a_cached_forecast_survives_a_restart(tmp_path: Path) -> None:
    first, _, _ = client(reply(POINT), reply(TODAY), cache_directory=tmp_path / "cache")
    expected = first.high_forecast(NEW_YORK, DAY)
    second, server, _ = client(cache_directory=tmp_path / "cache")
    assert second.high_forecast(NEW_YORK, DAY) == expected
    assert server.requests == []


def test_a_damaged_cache_only_causes_another_read(tmp_path: Path) -> None:
    first, _, _ = client(reply(POINT), reply(TODAY), cache_directory=tmp_path)
    first.high_forecast(NEW_YORK, DAY)
    for file in tmp_path.iterdir():
        file.write_text("{")
    second, server, _ = client(reply(POINT), reply(TODAY), cache_directory=tmp_path)
    with capture_logs() as logs:
        assert second.high_forecast(NEW_YORK, DAY) is not None
    assert len(server.requests) == 2
    assert {log["event"] for log in logs} == {"weather_cache_unreadable"}


def test_a_forecast_is_returned_even_if_the_cache_cannot_be_written(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    weather, _, _ = client(reply(POINT), reply(TODAY), cache_directory=in_the_way)
    with capture_logs() as logs:
        assert weather.high_forecast(NEW_YORK, DAY) is not None
    assert "weather_cache_unwritable" in {log["event"] for log in logs}


def test_a_forecast_is_renewed_after_the_clock_was_set_back() -> None:
    weather, server, clock = client(reply(POINT), reply(TODAY), reply(POINT), reply(TODAY))
    weather.high_forecast(NEW_YORK, DAY)
    clock.time -= timedelta(days=1)
    weather.high_forecast(NEW_YORK, DAY)
    assert len(server.requests) == 4


@pytest.mark.parametrize("agent", ["", "  "])
def test_a_client_without_a_user_agent_is_refused_before_any_request(agent: str) -> None:
    with pytest.raises(ConfigError, match="NWS_USER_AGENT"):
        WeatherClient(BASE, agent, FakeClock(), 600)


def test_a_refused_user_agent_is_reported_with_the_remedy() -> None:
    weather, _, _ = client(reply({}, 403))
    with pytest.raises(WeatherReadError, match="check NWS_USER_AGENT"):
        weather.point(NEW_YORK)


def test_a_lost_connection_is_retried_and_then_reported() -> None:
    weather, server, clock = client(httpx2.ReadTimeout("slow"), httpx2.ConnectError("refused"))
    with pytest.raises(WeatherReadError, match="refused"):
        weather.point(NEW_YORK)
    assert (len(server.requests), clock.slept) == (2, [1.0])


def observation(at: str | None, value: object, unit: str = "wmoUnit:degC", quality: str = "V") -> dict[str, object]:
    measured = {"unitCode": unit, "value": value, "qualityControl": quality}
    return {"properties": {"timestamp": at, "temperature": measured}}


def test_only_usable_observations_are_returned_in_their_order() -> None:
    weather, server, _ = client(
        reply(
            {
                "features": [
                    observation("2026-07-18T11:53:00+00:00", 30),
                    observation("2026-07-18T10:53:00+00:00", "20", "unit:degC", "qc:V"),
                    observation("2026-07-18T10:54:00+00:00", None),
                    observation("2026-07-18T10:55:00+00:00", 99, quality="X"),
                    observation("2026-07-18T10:56:00+00:00", 99, quality="qc:Q"),
                    observation(None, 21),
                    {"properties": {}},
                    observation("2026-07-18T11:53:00+00:00", 30),
                ]
            }
        )
    )
    found = weather.observations(NEW_YORK, NOON - timedelta(hours=2), NOON)
    assert [(o.observed_at.hour, o.temperature_f) for o in found] == [(10, 68.0), (11, 86.0)]
    assert dict(server.requests[0].url.params) == {
        "start": "2026-07-18T10:00:00Z",
        "end": "2026-07-18T12:00:00Z",
        "limit": "500",
    }


def test_an_invalid_observation_does_not_hide_the_others() -> None:
    odd = [observation("2026-07-18T11:00:00+00:00", 300, "wmoUnit:K"), observation("noon", 30), "text"]
    weather, _, _ = client(reply({"features": [*odd, observation("2026-07-18T11:53:00+00:00", 30)]}))
    with capture_logs() as logs:
        assert len(weather.observations(NEW_YORK, NOON - timedelta(hours=2), NOON)) == 1
    assert [log["event"] for log in logs] == ["observation_not_understood"] * 3


def test_a_truncated_list_is_an_error() -> None:
    weather, _, _ = client(reply({"features": [{"properties": {}}] * 500}))
    with pytest.raises(WeatherReadError, match="shorter time"):
        weather.observations(NEW_YORK, NOON - timedelta(days=2), NOON)
