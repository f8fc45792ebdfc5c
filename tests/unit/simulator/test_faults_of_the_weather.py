"""A fault of the weather that the simulator plays otherwise than the service would proves nothing of the trader."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.simulator.api import Api

from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import FaultPlan, rule

POINT = "/nws/points/40.7789,-73.9692"
OLD, NEW = "/nws/gridpoints/OKX/34,45", "/nws/gridpoints/OKX/34,53"
OBSERVATIONS = "/nws/stations/KNYC/observations"


def play(api: Api, kind: FaultKind, **what: Any) -> None:
    api.simulator.set_faults(FaultPlan((rule(kind, times=None, **what),)))


def shown(api: Api) -> list[tuple[str, float, str]]:
    """The readings of the last four hours, newest first: when, in whole degrees Fahrenheit, and their letter."""
    features = api.http.get(OBSERVATIONS, params={"start": "2026-10-24T12:00:00Z"}).json()["features"]
    rows = [feature["properties"] for feature in features]
    return [
        (row["timestamp"][11:16], round(row["temperature"]["value"] * 1.8 + 32), row["temperature"]["qualityControl"])
        for row in rows
    ]


def middle(body: dict[str, Any]) -> tuple[float, float]:
    """Longitude and latitude of the middle of a cell."""
    ring = body["geometry"]["coordinates"][0]
    return ring[0][0] / 2 + ring[2][0] / 2, ring[0][1] / 2 + ring[1][1] / 2


def test_a_moved_grid_has_new_numbers_only(api: Api) -> None:
    high = api.http.get(OLD).json()["properties"]["maxTemperature"]
    play(api, FaultKind.GRID_MOVED)
    point = api.http.get(POINT).json()["properties"]
    assert (point["gridX"], point["gridY"]) == (34, 53)
    assert point["forecastGridData"].endswith(NEW)
    assert api.http.get(OLD).status_code == 404
    moved = api.http.get(NEW).json()
    assert moved["properties"]["maxTemperature"] == high
    assert middle(moved) == pytest.approx((-73.9692, 40.7789), abs=1e-3)


def test_an_old_number_may_be_that_of_a_colder_cell_at_sea(api: Api) -> None:
    body = api.http.get(OLD)
    known = {"If-Modified-Since": body.headers["last-modified"]}
    play(api, FaultKind.GRID_MOVED, marine=True)
    at_sea = api.http.get(OLD, headers=known)
    assert at_sea.status_code == 200, "what a client knew of the number is no longer true"
    assert middle(at_sea.json())[0] == pytest.approx(-73.9692 + 0.3, abs=1e-3)
    high, there = (
        one.json()["properties"]["maxTemperature"]["values"][0]["value"] * 1.8 + 32 for one in (body, at_sea)
    )
    assert high - there == pytest.approx(15)
    assert api.http.get(f"{OLD}/forecast").status_code == 404
    assert api.http.get(NEW).json()["properties"]["maxTemperature"]["values"][0]["value"] * 1.8 + 32 == high


def test_a_station_may_have_no_measurement(api: Api) -> None:
    play(api, FaultKind.OBSERVATIONS_EMPTY)
    assert shown(api) == []
    assert api.http.get(f"{OBSERVATIONS}/latest").status_code == 404


def test_the_newest_measurements_may_be_absent(api: Api) -> None:
    assert [at for at, _, _ in shown(api)] == ["15:53", "14:53", "13:53", "12:53"]
    play(api, FaultKind.OBSERVATIONS_OLD, seconds=7200)
    assert [at for at, _, _ in shown(api)] == ["13:53", "12:53"]


@pytest.mark.parametrize(("what", "newest"), [({}, (140, "V")), ({"high": 95, "flag": "X"}, (95, "X"))])
def test_the_newest_measurement_may_be_wrong(api: Api, what: dict[str, Any], newest: tuple[float, str]) -> None:
    right = shown(api)
    play(api, FaultKind.OBSERVATION_WRONG, **what)
    assert shown(api) == [("15:53", *newest), *right[1:]]


def test_the_measurements_alone_may_fail(api: Api) -> None:
    play(api, FaultKind.ERROR_BEFORE, call="observations", status=500)
    assert api.http.get(OBSERVATIONS).status_code == 500
    assert {api.http.get(path).status_code for path in (POINT, OLD)} == {200}


def test_a_fault_of_any_call_is_one_of_the_exchange(api: Api) -> None:
    play(api, FaultKind.ERROR_BEFORE)
    assert api.http.get(OBSERVATIONS).status_code == 200
    assert api.ask("GET", "/exchange/status").status_code == 503
