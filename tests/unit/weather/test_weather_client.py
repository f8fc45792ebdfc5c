"""A forecast of the wrong day, in the wrong unit or long out of date is traded on like a right one."""

from __future__ import annotations

import math
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
from milkbot.weather.errors import ElsewhereError, NotFoundError, WeatherReadError
from milkbot.weather.values import GridPoint

BASE = "https://weather.test"
AGENT = "milkbot (operator@example.org)"
BACKOFF = Backoff(attempts=2, base_seconds=1.0, longest_seconds=1.0, jitter=lambda: 1.0)
NEW_YORK, LOS_ANGELES = city_of_series("KXHIGHNY"), city_of_series("KXHIGHLAX")
DAY = date(2026, 7, 18)
POINT = {"properties": {"gridId": "OKX", "gridX": 34, "gridY": 45}}


MOVED = {"properties": {"gridId": "OKX", "gridX": 34, "gridY": 53}}


def outline(city: City, km_east: float = 0.0) -> dict[str, object]:
    """A cell 2.5 km wide, its middle that far east of the city's station."""
    middle = city.longitude + km_east / (111.2 * math.cos(math.radians(city.latitude)))
    west, east, south, north = middle - 0.014, middle + 0.014, city.latitude - 0.011, city.latitude + 0.011
    ring = [[west, north], [west, south], [east, south], [east, north], [west, north]]
    return {"type": "Polygon", "coordinates": [ring]}


NEAR = outline(NEW_YORK)


def grid(*values: tuple[str, float | None], unit: str = "wmoUnit:degC", geometry: object = NEAR) -> dict[str, object]:
    layer = {"uom": unit, "values": [{"validTime": when, "value": value} for when, value in values]}
    return {
        "geometry": geometry,
        "properties": {"updateTime": "2026-07-18T10:15:41+00:00", "maxTemperature": layer},
    }


STAMP = "Sat, 18 Jul 2026 10:15:41 GMT"
POINT_PATH, OLD_CELL, NEW_CELL = "/points/40.7789,-73.9692", "/gridpoints/OKX/34,45", "/gridpoints/OKX/34,53"
TODAY = grid(("2026-07-18T11:00:00+00:00/PT13H", 30.0))


def client(
    *answers: Answer, cache_seconds: float = 600, cache_directory: Path | None = None
) -> tuple[WeatherClient, ScriptedServer, FakeClock]:
    server, clock = ScriptedServer(*answers), FakeClock()
    weather = WeatherClient(BASE, AGENT, clock, cache_seconds, server.transport, cache_directory, BACKOFF)
    return weather, server, clock


def high(city: City, day: date, body: dict[str, object]) -> float | None:
    weather, _, _ = client(reply(POINT), reply({**body, "geometry": outline(city)}))
    found = weather.high_forecast(city, day)
    return None if found is None else found.degrees_f


def test_a_forecast_has_its_time_of_issue_and_of_retrieval() -> None:
    weather, server, _ = client(reply(POINT), reply(TODAY))
    found = weather.high_forecast(NEW_YORK, DAY)
    assert found is not None
    assert (found.station, found.climate_day, found.degrees_f) == ("KNYC", DAY, 86.0)
    assert found.issued_at == datetime(2026, 7, 18, 10, 15, 41, tzinfo=UTC)
    assert (found.fetched_at, found.cell) == (NOON, GridPoint("OKX", 34, 45))
    assert [r.url.path for r in server.requests] == ["/points/40.7789,-73.9692", "/gridpoints/OKX/34,45"]
    assert server.requests[0].headers["User-Agent"] == AGENT


def test_coordinates_are_written_in_the_form_that_is_not_redirected() -> None:
    weather, server, _ = client(reply(POINT))
    assert weather.point(city_of_series("KXHIGHAUS")) == GridPoint("OKX", 34, 45)
    assert server.requests[0].url.path == "/points/30.1831,-97.68"


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
        assert (found.degrees_f, found.fetched_at) == (86.0, clock.time)
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


def test_a_renumbered_cell_is_asked_of_the_point_again_and_the_new_one_is_used() -> None:
    weather, server, clock = client(
        reply(POINT, headers={"Cache-Control": "max-age=21600", "Last-Modified": STAMP}),
        reply(TODAY),
        reply({}, 404),
        reply(MOVED),
        reply(TODAY),
    )
    weather.high_forecast(NEW_YORK, DAY)
    clock.time += timedelta(hours=1)
    found = weather.high_forecast(NEW_YORK, DAY)
    assert found is not None
    assert found.cell == GridPoint("OKX", 34, 53)
    assert [r.url.path for r in server.requests[2:]] == [OLD_CELL, POINT_PATH, NEW_CELL]
    assert "If-Modified-Since" not in server.requests[3].headers, "an unchanged date must not confirm the old cell"


def test_the_new_cell_is_kept_in_place_of_the_old_one() -> None:
    weather, server, clock = client(
        reply(POINT), reply(TODAY), reply({}, 404), reply(MOVED), reply(TODAY), reply(TODAY)
    )
    for _ in range(3):
        weather.high_forecast(NEW_YORK, DAY)
        clock.time += timedelta(hours=1)
    assert [r.url.path for r in server.requests].count(POINT_PATH) == 2
    assert server.requests[-1].url.path == NEW_CELL


def test_a_cell_that_is_gone_and_has_no_new_number_is_asked_for_once_and_reported() -> None:
    weather, server, clock = client(reply(POINT), reply(TODAY), reply({}, 404), reply(POINT))
    weather.high_forecast(NEW_YORK, DAY)
    clock.time += timedelta(hours=1)
    with pytest.raises(NotFoundError, match="gridpoints/OKX/34,45: HTTP 404"):
        weather.high_forecast(NEW_YORK, DAY)
    assert len(server.requests) == 4


def test_a_point_that_was_just_read_is_not_read_again() -> None:
    weather, server, _ = client(reply(POINT), reply({}, 404))
    with pytest.raises(NotFoundError):
        weather.high_forecast(NEW_YORK, DAY)
    assert len(server.requests) == 2


def test_a_new_cell_that_is_not_there_either_ends_the_search() -> None:
    weather, server, clock = client(reply(POINT), reply(TODAY), reply({}, 404), reply(MOVED), reply({}, 404))
    weather.high_forecast(NEW_YORK, DAY)
    clock.time += timedelta(hours=1)
    with pytest.raises(NotFoundError, match="34,53"):
        weather.high_forecast(NEW_YORK, DAY)
    assert len(server.requests) == 5


def test_a_kept_cell_that_lies_elsewhere_now_is_asked_of_the_point_again() -> None:
    at_sea = grid(("2026-07-18T11:00:00+00:00/PT13H", 15.0), geometry=outline(NEW_YORK, km_east=25))
    weather, server, clock = client(reply(POINT), reply(TODAY), reply(at_sea), reply(MOVED), reply(TODAY))
    weather.high_forecast(NEW_YORK, DAY)
    clock.time += timedelta(hours=1)
    found = weather.high_forecast(NEW_YORK, DAY)
    assert found is not None
    assert (found.degrees_f, found.cell) == (86.0, GridPoint("OKX", 34, 53))
    assert server.requests[-1].url.path == NEW_CELL


@pytest.mark.parametrize("km_east", [-25.0, -5.2, 5.2, 25.0])
def test_a_cell_that_is_not_the_stations_is_no_forecast(km_east: float) -> None:
    elsewhere = grid(("2026-07-18T11:00:00+00:00/PT13H", 15.0), geometry=outline(NEW_YORK, km_east))
    weather, _, _ = client(reply(POINT), reply(elsewhere))
    with pytest.raises(ElsewhereError, match=r"cell OKX/34,45 lies \d+ km from station KNYC, expected 5 km at most"):
        weather.high_forecast(NEW_YORK, DAY)


@pytest.mark.parametrize("km_east", [-4.8, 0.0, 4.8])
def test_a_cell_within_two_widths_of_the_station_is_its_own(km_east: float) -> None:
    near = grid(("2026-07-18T11:00:00+00:00/PT13H", 30.0), geometry=outline(NEW_YORK, km_east))
    weather, _, _ = client(reply(POINT), reply(near))
    assert weather.high_forecast(NEW_YORK, DAY) is not None


@pytest.mark.parametrize("geometry", [None, {"type": "Point", "coordinates": [-74.0, 40.8]}, {"type": "Polygon"}])
def test_a_cell_that_does_not_say_where_it_lies_is_an_error(geometry: object) -> None:
    weather, _, _ = client(reply(POINT), reply(grid(geometry=geometry)))
    with pytest.raises(WeatherReadError, match="geometry"):
        weather.high_forecast(NEW_YORK, DAY)


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


def observation(
    at: str | None, value: object, unit: str = "wmoUnit:degC", quality: str | None = "V"
) -> dict[str, object]:
    measured = {"unitCode": unit, "value": value, "qualityControl": quality}
    return {"properties": {"timestamp": at, "temperature": measured}}


def test_observations_come_in_their_order_with_their_quality() -> None:
    weather, server, _ = client(
        reply(
            {
                "features": [
                    observation("2026-07-18T11:53:00+00:00", 30),
                    observation("2026-07-18T10:53:00+00:00", "20", "unit:degC", "qc:V"),
                    observation("2026-07-18T10:54:00+00:00", None),
                    observation("2026-07-18T10:55:00+00:00", 35, quality="X"),
                    observation("2026-07-18T10:56:00+00:00", 35, quality="qc:Q"),
                    observation("2026-07-18T10:57:00+00:00", 25, quality=None),
                    observation(None, 21),
                    {"properties": {}},
                    observation("2026-07-18T11:53:00+00:00", 30),
                ]
            }
        )
    )
    found = weather.observations(NEW_YORK, NOON - timedelta(hours=2), NOON)
    assert [(f"{o.observed_at:%H:%M}", o.temperature_f, o.quality) for o in found] == [
        ("10:53", 68.0, "V"),
        ("10:55", 95.0, "X"),
        ("10:56", 95.0, "Q"),
        ("10:57", 77.0, ""),
        ("11:53", 86.0, "V"),
    ]
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


def test_a_day_is_read_with_the_hours_before_it_and_without_what_is_not_plausible() -> None:
    start = datetime(2026, 7, 18, 5, 0, tzinfo=UTC)
    rows = [
        observation("2026-07-18T03:53:00+00:00", 31),
        observation("2026-07-18T04:53:00+00:00", 30),
        observation("2026-07-18T05:53:00+00:00", 25),
        observation("2026-07-18T06:53:00+00:00", 60),
        observation("2026-07-18T07:53:00+00:00", 24),
    ]
    weather, server, _ = client(reply({"features": rows}))
    found = weather.measured(NEW_YORK, start, NOON)
    assert server.requests[0].url.params["start"] == "2026-07-18T02:00:00Z"
    assert found.highest_f == 77.0
    assert [row.observation.temperature_f for row in found.left_out] == [140.0]
