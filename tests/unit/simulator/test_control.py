"""Moving the simulator's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.unit.simulator.api import Api, served
from tests.unit.simulator.scripted import OPENS, ScriptedWorld

from milkbot.simulator.engine.interventions import pause
from milkbot.simulator.server import build_app


def test_time_moves_only_forward(api: Api) -> None:
    later = api.now + timedelta(minutes=30)
    moved = api.http.post("/simulator/clock", json={"mode": "virtual", "now": later.isoformat()})
    back = api.http.post(
        "/simulator/clock", json={"mode": "virtual", "now": (later - timedelta(seconds=1)).isoformat()}
    )

    assert (moved.status_code, moved.json()["now"]) == (200, later.isoformat())
    assert back.status_code == 409
    assert api.http.get("/simulator/state").json()["now"] == later.isoformat()


def test_wall_clock_is_refused_while_the_simulator_is_ahead_of_it(tmp_path: Path) -> None:
    wall = datetime.now(UTC)
    with served(tmp_path, start=wall) as api:
        api.tick(hours=3)

        assert api.http.post("/simulator/clock", json={"mode": "wall"}).status_code == 409


def test_a_jump_over_years_is_refused(api: Api) -> None:
    reply = api.http.post("/simulator/clock", json={"mode": "virtual", "now": "2199-01-01T00:00:00+00:00"})

    assert reply.status_code == 409
    assert "at most 366 days at once" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "body", [{"mode": "virtual"}, {"mode": "fast"}, {"mode": "virtual", "now": "2026-11-01T00:00:00"}]
)
def test_incomplete_change_is_refused(api: Api, body: dict[str, str]) -> None:
    assert api.http.post("/simulator/clock", json=body).status_code in {400, 409}
    assert api.http.get("/simulator/state").json()["now"] == api.now.isoformat()


def test_replies_are_dated_by_the_simulators_clock(api: Api) -> None:
    reply = api.ask("GET", "/exchange/status")

    assert parsedate_to_datetime(reply.headers["date"]) == api.now


def test_a_recorded_day_ends_and_has_no_wall_clock(tmp_path: Path) -> None:
    world = ScriptedWorld()
    world.ends_at = OPENS + timedelta(days=2)
    with served(tmp_path, world, OPENS) as api:
        assert api.http.get("/simulator/state").json()["ends_at"] == world.ends_at.isoformat()
        assert api.http.post("/simulator/clock", json={"mode": "wall"}).status_code == 409


def test_an_ended_pause_is_over_until_the_next_one(tmp_path: Path) -> None:
    with served(tmp_path, start=datetime(2026, 7, 23, 7, 30, tzinfo=UTC)) as api:
        ticker = api.open_markets()[-1]["ticker"]
        assert api.order(ticker=ticker).json()["error"]["code"] == "trading_is_paused"
        assert api.http.post("/simulator/resume").status_code == 200
        assert api.get("/exchange/status")["trading_active"] is True
        assert api.order(ticker=ticker).status_code == 201
    with served(tmp_path) as api:
        assert api.get("/exchange/status")["trading_active"] is True
        api.tick(days=7)
        status = api.get("/exchange/status")
        assert (status["trading_active"], status["exchange_estimated_resume_time"]) == (False, "2026-07-30T09:00:00Z")


def test_resuming_what_is_not_paused_changes_nothing_and_ends_an_outage(api: Api) -> None:
    for _ in range(2):
        assert api.http.post("/simulator/resume").status_code == 200
        assert api.get("/exchange/status")["trading_active"] is True
        with api.simulator.turn() as state:
            pause(state, timedelta(hours=1), whole_exchange=False)
        assert api.get("/exchange/status")["trading_active"] is False
    assert api.http.post("/simulator/resume").status_code == 200
    assert api.get("/exchange/status")["trading_active"] is True


def test_clock_is_closed_to_other_machines(api: Api) -> None:
    with TestClient(build_app(api.simulator), client=("192.0.2.7", 50000)) as stranger:
        assert stranger.get("/simulator/state").status_code == 403
        assert stranger.post("/simulator/clock", json={"mode": "wall"}).status_code == 403
        assert stranger.post("/simulator/resume").status_code == 403
