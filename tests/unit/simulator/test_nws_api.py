"""The weather service's HTTP surface."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from tests.unit.simulator.api import Api

NEW_YORK = "/nws/points/40.7789,-73.9692"
GRID = "/nws/gridpoints/OKX/34,45"


def test_point_leads_to_a_grid_that_forecasts_the_high(api: Api) -> None:
    point = api.http.get(NEW_YORK).json()["properties"]
    grid = api.http.get(point["forecastGridData"])

    layer = grid.json()["properties"]["maxTemperature"]
    first = layer["values"][0]
    assert layer["uom"] == "wmoUnit:degC"
    assert first["validTime"] == "2026-10-24T12:00:00+00:00/PT13H"
    assert round(first["value"] * 1.8 + 32, 6).is_integer()
    assert grid.headers["content-type"] == "application/geo+json"
    assert (point["gridId"], point["gridX"], point["gridY"]) == ("OKX", 34, 45)


def test_request_without_a_user_agent_is_forbidden(api: Api) -> None:
    reply = api.http.get(NEW_YORK, headers={"User-Agent": ""})

    assert reply.status_code == 403
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        f"{NEW_YORK}?now=1",
        f"{GRID}?units=us",
        f"{GRID}/forecast?units=kelvin",
        "/nws/stations/KNYC/observations?limit=501",
        "/nws/stations/KNYC/observations?start=yesterday",
        "/nws/stations/KNYC/observations?start=2026-10-24T00:00:00",
        "/nws/points/north",
    ],
)
def test_unknown_or_wrong_parameter_is_a_bad_request(api: Api, path: str) -> None:
    reply = api.http.get(path)

    assert reply.status_code == 400
    assert reply.json()["type"] == "https://api.weather.gov/problems/BadRequest"


@pytest.mark.parametrize(
    "path", ["/nws/points/51.5,0.1", "/nws/gridpoints/OKX/1,1", "/nws/stations/KXYZ/observations", "/nws/x"]
)
def test_other_places_are_not_found(api: Api, path: str) -> None:
    reply = api.http.get(path)

    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"


def test_point_with_too_many_decimals_is_redirected(api: Api) -> None:
    reply = api.http.get("/nws/points/33.93811,-118.38671", follow_redirects=False)

    assert reply.status_code == 301
    assert reply.headers["location"].endswith("/nws/points/33.9381,-118.3867")


def test_unchanged_forecast_is_not_sent_again_until_the_next_issue(api: Api) -> None:
    first = api.http.get(GRID)
    known = {"If-Modified-Since": first.headers["last-modified"]}

    assert first.headers["cache-control"].startswith("public, max-age=")
    assert api.http.get(GRID, headers=known).status_code == 304
    api.tick(hours=3)
    again = api.http.get(GRID, headers=known)
    assert again.status_code == 200
    assert again.json()["properties"]["updateTime"] == "2026-10-24T18:46:00+00:00"


def test_periods_are_whole_degrees_of_half_days(api: Api) -> None:
    us = api.http.get(f"{GRID}/forecast").json()["properties"]["periods"]
    si = api.http.get(f"{GRID}/forecast?units=si").json()["properties"]["periods"]
    hourly = api.http.get(f"{GRID}/forecast/hourly").json()["properties"]["periods"]

    assert us[0]["isDaytime"]
    assert [period["number"] for period in us] == list(range(1, len(us) + 1))
    assert isinstance(us[0]["temperature"], int)
    assert (us[0]["temperatureUnit"], si[0]["temperatureUnit"]) == ("F", "C")
    assert us[1]["startTime"] == us[0]["endTime"]
    assert len(hourly) == 144


def test_observations_come_newest_first_within_their_bounds(api: Api) -> None:
    asked = {"start": "2026-10-24T10:00:00+00:00", "end": "2026-10-24T14:00:00Z"}
    features = api.http.get("/nws/stations/KNYC/observations", params=asked).json()["features"]
    latest = api.http.get("/nws/stations/KNYC/observations/latest").json()["properties"]
    times = [datetime.fromisoformat(feature["properties"]["timestamp"]) for feature in features]

    assert [f"{at:%H:%M}" for at in times] == ["13:53", "12:53", "11:53", "10:53"]
    assert latest["timestamp"] == "2026-10-24T15:53:00+00:00"
    assert latest["temperature"]["unitCode"] == "wmoUnit:degC"
    assert round(latest["temperature"]["value"], 1) == latest["temperature"]["value"]


def test_stations_of_a_grid_name_the_settlement_station(api: Api) -> None:
    body = api.http.get(f"{GRID}/stations").json()

    assert [feature["properties"]["stationIdentifier"] for feature in body["features"]] == ["KNYC"]
    assert "KNYC" in json.dumps(body["observationStations"])
