"""Every recorded reply of the weather service is read, or refused because it is of a kind that is not read."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import httpx2
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs
from tests.fakes import NOON, FakeClock, ScriptedServer

from milkbot.domain.cities import cities, city_of_series
from milkbot.weather import wire
from milkbot.weather.cells import check_cell
from milkbot.weather.client import WeatherClient
from milkbot.weather.climate_report import ClimateReport, parse_climate_reports
from milkbot.weather.errors import ElsewhereError
from milkbot.weather.lows import low_of_day
from milkbot.weather.values import GridPoint

# Temperatures in each list of observations.
OBSERVATIONS = {
    "stations_observations.json": 1,
    "stations_observations_alternate_units.json": 1,
    "stations_observations_empty.json": 0,
    "stations_observations_metar.json": 0,
    "stations_observations_metar_noparse.json": 0,
    "stations_observations_missing_value.json": 0,
    "stations_observations_multiple.json": 1,
    "stations_observations_multiple_unsorted.json": 2,
    "stations_observations_noprop.json": 0,
    "stations_observations_other_unitcode.json": 1,
    "stations_observations_relative_icon.json": 1,
    "stations_observations_strings.json": 1,
}
FORECAST_TEXTS = {
    "gridpoints_forecast_empty_us.json",
    "gridpoints_forecast_hourly_empty_us.json",
    "gridpoints_forecast_hourly_si.json",
    "gridpoints_forecast_hourly_us.json",
    "gridpoints_forecast_relative_icon_us.json",
    "gridpoints_forecast_si.json",
    "gridpoints_forecast_strings_us.json",
    "gridpoints_forecast_us.json",
    "gridpoints_stations.json.gz",
}
NEW_YORK = city_of_series("KXHIGHNY")
RECORDED = replace(NEW_YORK, latitude=30.0, longitude=-85.0)
"""Where the recorded point and its cell lie."""


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def weather(*bodies: bytes) -> WeatherClient:
    server = ScriptedServer(*[httpx2.Response(200, content=body) for body in bodies])
    return WeatherClient("https://weather.test", "test", FakeClock(), 60, server.transport)


def test_every_recording_is_read(shared_data: Path) -> None:
    read = {"points.json", "detailed_forecast.json.gz", "stations_observations_latest.json"}
    assert {f.name for f in (shared_data / "api_nws/pynws").iterdir()} == read | set(OBSERVATIONS) | FORECAST_TEXTS


def test_the_recorded_point_names_its_grid_cell(shared_data: Path) -> None:
    body = content(shared_data / "api_nws/pynws/points.json")
    assert weather(body).point(RECORDED) == GridPoint("TAE", 58, 65)


@pytest.mark.parametrize(
    ("day", "celsius"),
    [
        (date(2022, 2, 3), 24.444444444444443),
        (date(2022, 2, 4), 22.22222222222222),
        (date(2022, 2, 8), 15),
        (date(2022, 2, 10), 18.333333333333332),
    ],
)
def test_the_recorded_grid_has_one_maximum_for_each_climate_day(shared_data: Path, day: date, celsius: float) -> None:
    folder = shared_data / "api_nws/pynws"
    client = weather(content(folder / "points.json"), content(folder / "detailed_forecast.json.gz"))
    found = client.high_forecast(RECORDED, day)
    assert found is not None
    assert found.degrees_f == pytest.approx(celsius * 9 / 5 + 32)
    assert found.issued_at == datetime(2022, 2, 4, 3, 15, 41, tzinfo=UTC)


@pytest.mark.parametrize("day", [date(2022, 2, 2), date(2022, 2, 11)])
def test_the_recorded_grid_has_nothing_for_other_days(shared_data: Path, day: date) -> None:
    folder = shared_data / "api_nws/pynws"
    client = weather(content(folder / "points.json"), content(folder / "detailed_forecast.json.gz"))
    assert client.high_forecast(RECORDED, day) is None


def test_the_recorded_cell_is_that_of_its_point_and_of_no_traded_station(shared_data: Path) -> None:
    shape = wire.GridReply.model_validate_json(
        content(shared_data / "api_nws/pynws/detailed_forecast.json.gz")
    ).geometry
    check_cell(RECORDED, "TAE/58,65", shape)
    for city in cities():
        with pytest.raises(ElsewhereError):
            check_cell(city, "TAE/58,65", shape)


@pytest.mark.parametrize(("name", "usable"), OBSERVATIONS.items())
def test_recorded_observations_give_their_usable_temperatures(shared_data: Path, name: str, usable: int) -> None:
    with capture_logs() as logs:
        found = weather(content(shared_data / "api_nws/pynws" / name)).observations(NEW_YORK, NOON, NOON)
    assert len(found) == usable
    assert logs == []


def test_the_recorded_latest_observation_is_in_the_recorded_list(shared_data: Path) -> None:
    body = content(shared_data / "api_nws/pynws/stations_observations_latest.json")
    seen = wire.ObservationFeature.model_validate_json(body).properties.temperature
    assert seen is not None
    assert seen.letter == "V"
    assert wire.fahrenheit(seen.value or 0, seen.unit) == pytest.approx(73.04)


@pytest.mark.parametrize("name", sorted(FORECAST_TEXTS))
def test_a_reply_of_another_kind_is_refused_as_the_raw_grid(shared_data: Path, name: str) -> None:
    with pytest.raises(ValidationError):
        wire.GridReply.model_validate_json(content(shared_data / "api_nws/pynws" / name))


def test_every_recorded_climate_report_is_read(shared_data: Path) -> None:
    files = sorted((shared_data / "api_nws/cli").iterdir())
    assert [report for file in files for report in parse_climate_reports(file.read_text())] == [
        ClimateReport("CLIMIA", date(2026, 5, 3), 82, 72, preliminary=True),
        ClimateReport("CLINYC", date(2026, 7, 4), 94, 72, preliminary=False),
        ClimateReport("CLINYC", date(2026, 7, 4), 94, 76, preliminary=True),
    ]


def test_the_recorded_front_makes_the_evening_the_coldest_of_its_climate_day(shared_data: Path) -> None:
    grid = wire.GridReply.model_validate_json(
        content(shared_data / "api_nws/pynws/detailed_forecast.json.gz")
    ).properties
    nights, hours = grid.min_temperature, grid.temperature

    # The night before was 64 F. Behind the front the climate day ends, at 04:00 UTC, at 49 F; the next dawn has 39 F.
    found = [low_of_day(nights, hours, NEW_YORK, date(2022, 2, day), grid.update_time) for day in (4, 5)]
    assert [round(low.degrees_f) for low in found if low] == [49, 39]
    assert [low.falls_at for low in found if low] == [
        datetime(2022, 2, 5, 4, tzinfo=UTC),
        datetime(2022, 2, 5, 12, tzinfo=UTC),
    ]
