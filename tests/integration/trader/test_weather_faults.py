"""The weather service as it really is: what it does not say, says late or says wrongly is seen, and never traded on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.exchange import Exchange
from tests.integration.trader.conftest import SERIES
from tests.integration.trader.stage import Stage, staged
from tests.metrics import samples
from tests.postgres import TestDatabase

from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import FaultPlan, rule
from milkbot.trader import metrics
from milkbot_hostcheck.checks import trading
from milkbot_hostcheck.checks.database import FACTS
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, State
from milkbot_hostcheck.settings import Settings

TODAY, TOMORROW = "2026-08-03", "2026-08-04"
MARKETS = 12
"""Of two cities' events of one day."""
MIDNIGHT_IN_NEW_YORK = datetime(2026, 8, 4, 5, 0, tzinfo=UTC)
DAWN_IN_NEW_YORK = datetime(2026, 8, 4, 11, 0, tzinfo=UTC)


@pytest.fixture
def stage(exchange: Exchange, database: TestDatabase, tmp_path: Path) -> Iterator[Stage]:
    """A trader of two cities that keeps the weather service's replies between its ticks, and writes metrics."""
    (tmp_path / "metrics").mkdir()
    directories = {"MILKBOT_METRICS_DIRECTORY": tmp_path / "metrics", "MILKBOT_CACHE_DIRECTORY": tmp_path / "cache"}
    with staged(
        exchange, database, TRADING_SERIES=SERIES, **{name: str(path) for name, path in directories.items()}
    ) as ready:
        yield ready


def play(stage: Stage, kind: FaultKind, **what: Any) -> None:
    """That fault at every call, and no earlier one."""
    stage.exchange.simulator.set_faults(FaultPlan((rule(kind, times=None, **what),)))


def decided(stage: Stage, tick_id: int) -> dict[str, Counter[str]]:
    """By climate day, the decisions of a tick by their first reason."""
    query = "SELECT climate_day::text AS day, reasons->'codes'->>0 AS reason FROM ops.signals WHERE tick_id = :tick"
    found: dict[str, Counter[str]] = {}
    for row in stage.rows(query, tick=tick_id):
        found.setdefault(row["day"], Counter())[row["reason"]] += 1
    return found


def health(stage: Stage) -> tuple[str, str]:
    """What the trader reports of the weather service."""
    (row,) = stage.rows("SELECT status, message FROM ops.component_health WHERE component_name = 'nws_api'")
    return row["status"], row["message"] or ""


def metric(stage: Stage, name: str, city: str) -> float:
    directory = stage.settings.milkbot_metrics_directory
    assert directory is not None
    return samples((directory / metrics.FILE).read_text("utf-8"))[f'{name}{{city="{city}",mode="demo"}}']


def sent_days(stage: Stage) -> set[str]:
    return {row["day"] for row in stage.rows("SELECT DISTINCT climate_day::text AS day FROM ops.orders")}


def test_a_quiet_weather_service_is_reported_healthy_with_its_ages(stage: Stage) -> None:
    report = stage.tick()
    assert health(stage) == ("ok", "")
    assert (report.counts.weather_problems, report.counts.left_out) == (0, 0)
    seen = report.weather["NYC"]
    assert (seen.cell, seen.left_out) == ("OKX/34,45", 0)
    assert seen.observed_at == datetime(2026, 8, 3, 14, 53, tzinfo=UTC)
    assert metric(stage, "milkbot_observation_timestamp_seconds", "NYC") == seen.observed_at.timestamp()
    assert metric(stage, "milkbot_weather_problems", "CHI") == 0
    stored = (
        "SELECT cell, observed_at, left_out FROM ops.weather_snapshots WHERE city_code = 'NYC' ORDER BY climate_day"
    )
    assert stage.rows(stored) == [
        {"cell": "OKX/34,45", "observed_at": seen.observed_at, "left_out": 0},
        {"cell": "OKX/34,45", "observed_at": None, "left_out": None},
    ]


def test_a_renumbered_cell_is_found_again_within_the_same_tick(stage: Stage) -> None:
    stage.tick()
    stage.later(hours=1)
    play(stage, FaultKind.GRID_MOVED)
    report = stage.tick()
    assert report.weather["NYC"].cell == "OKX/34,53"
    assert not {reason for day in decided(stage, report.tick_id).values() for reason in day} & {"forecast_missing"}
    assert health(stage) == ("ok", "")
    calls = [one.path for one in stage.exchange.simulator.faults.history if "/points/" in one.path]
    assert len(calls) == 2, "each city's point is asked once, whatever the number of its events"


def test_the_forecast_of_a_cell_at_sea_is_never_traded_on(stage: Stage) -> None:
    stage.tick()
    before = stage.exchange.order_count()
    stage.later(hours=1)
    # Only the cells are renumbered: the point still names the old one, which lies at sea now.
    play(stage, FaultKind.GRID_MOVED, marine=True, call="gridpoints")
    report = stage.tick()
    assert report.counts.reasons == {"forecast_elsewhere": 2 * MARKETS}
    assert stage.exchange.order_count() == before
    status, message = health(stage)
    assert status == "degraded"
    assert "cell OKX/34,45 lies 25 km from station KNYC" in message
    assert (
        stage.value("SELECT count(forecast_high_f) FROM ops.weather_snapshots WHERE tick_id = :t", t=report.tick_id)
        == 0
    )


def test_a_cell_at_sea_is_replaced_by_the_one_that_the_point_names_now(stage: Stage) -> None:
    highs = {row["city_code"]: row["forecast_high_f"] for row in forecasts(stage, stage.tick().tick_id)}
    stage.later(hours=1)
    play(stage, FaultKind.GRID_MOVED, marine=True)
    report = stage.tick()
    assert {row["city_code"]: row["forecast_high_f"] for row in forecasts(stage, report.tick_id)} == highs
    assert {city.cell for city in report.weather.values()} == {"OKX/34,53", "LOT/72,77"}


def forecasts(stage: Stage, tick_id: int) -> list[dict[str, Any]]:
    query = "SELECT city_code, forecast_high_f FROM ops.weather_snapshots WHERE tick_id = :t AND climate_day = :d"
    return stage.rows(query, t=tick_id, d=datetime(2026, 8, 4, tzinfo=UTC).date())


@pytest.mark.parametrize(
    ("kind", "what", "reason"),
    [
        (FaultKind.OBSERVATIONS_EMPTY, {}, "observation_missing"),
        (FaultKind.OBSERVATIONS_OLD, {"seconds": 9000}, "observation_stale"),
        (FaultKind.ERROR_BEFORE, {"call": "observations", "status": 500}, "observation_unavailable"),
    ],
)
def test_today_is_held_without_its_measurements_and_tomorrow_is_traded(
    stage: Stage, kind: FaultKind, what: dict[str, Any], reason: str
) -> None:
    play(stage, kind, **what)
    report = stage.tick()
    by_day = decided(stage, report.tick_id)
    assert by_day[TODAY] == {reason: MARKETS}
    assert by_day[TOMORROW]["edge"] > 0
    assert reason not in by_day[TOMORROW]
    assert sent_days(stage) == {TOMORROW}
    status, message = health(stage)
    assert (status, report.counts.weather_problems) == ("degraded", 2)
    assert f"CHI 03 Aug: {reason}" in message
    assert metric(stage, "milkbot_weather_problems", "NYC") == 1


def test_the_health_check_warns_of_weather_that_is_missing_and_fails_after_an_hour(stage: Stage) -> None:
    stage.tick()
    assert weather_row(stage).state is State.OK
    play(stage, FaultKind.OBSERVATIONS_EMPTY)
    for minutes, state in ((5, State.WARN), (50, State.WARN), (5, State.FAIL)):
        stage.later(minutes=minutes)
        stage.tick()
        assert weather_row(stage).state is state
    assert "CHI 03 Aug: observation_missing" in weather_row(stage).value
    stage.exchange.simulator.set_faults(FaultPlan())
    stage.tick()
    assert weather_row(stage).state is State.OK


def weather_row(stage: Stage) -> Row:
    """The row that the health check makes of what it reads of the database."""
    (query,) = (part for part in FACTS.split(";") if "'about', 'components'" in part)
    return trading.weather(Host(Settings(trading_mode="demo")), stage.value(query))


def test_today_is_traded_again_once_it_is_measured_again(stage: Stage) -> None:
    play(stage, FaultKind.OBSERVATIONS_EMPTY)
    stage.tick()
    stage.exchange.simulator.set_faults(FaultPlan())
    stage.later(minutes=5)
    report = stage.tick()
    assert "observation_missing" not in decided(stage, report.tick_id)[TODAY]
    assert health(stage) == ("ok", "")


def test_the_first_hour_of_a_climate_day_is_traded_before_anything_of_it_is_measured(stage: Stage) -> None:
    stage.exchange.advance_to(MIDNIGHT_IN_NEW_YORK + timedelta(minutes=30))
    report = stage.tick()
    reasons = decided(stage, report.tick_id)[TOMORROW]
    assert not {reason for reason in reasons if reason.startswith(("observation", "forecast"))}
    assert health(stage) == ("ok", "")
    measured = "SELECT observed_max_f, current_f FROM ops.weather_snapshots WHERE tick_id = :t AND city_code = 'NYC'"
    (row,) = stage.rows(f"{measured} AND climate_day = '{TOMORROW}'", t=report.tick_id)
    assert row["observed_max_f"] is None
    assert row["current_f"] is not None, "the station reported before midnight"


@pytest.mark.parametrize(("high", "flag"), [(140, "V"), (105, "V"), (95, "X"), (-40, "V")])
def test_a_single_wrong_measurement_changes_no_probability(stage: Stage, high: int, flag: str) -> None:
    stage.exchange.advance_to(DAWN_IN_NEW_YORK)  # the newest measurement is not the highest, which bounds the high
    probabilities = "SELECT ticker, p_yes FROM ops.signals WHERE tick_id = :t AND climate_day = '2026-08-04' ORDER BY 1"
    right = stage.rows(probabilities, t=stage.tick().tick_id)
    play(stage, FaultKind.OBSERVATION_WRONG, high=high, flag=flag)
    report = stage.tick()
    assert stage.rows(probabilities, t=report.tick_id) == right
    assert report.counts.left_out == 2
    assert health(stage) == ("ok", ""), "one measurement in a day is a mishap"
    assert metric(stage, "milkbot_measurements_left_out", "NYC") == 1


def test_the_trader_is_blind_after_so_many_ticks_without_any_weather(stage: Stage) -> None:
    play(stage, FaultKind.ERROR_BEFORE, call="weather", status=500)
    for _ in range(stage.settings.max_blind_ticks):
        assert stage.tick().counts.reasons == {"forecast_missing": 2 * MARKETS}
        stage.later(minutes=5)
    report = stage.tick()
    assert report.message == "trading state is reducing"
    (hold,) = stage.rows("SELECT reason FROM ops.trading_states")
    assert hold["reason"] == "no fresh book and weather for any market in 3 ticks in a row"


def test_the_trader_is_not_blind_while_tomorrow_is_seen(stage: Stage) -> None:
    play(stage, FaultKind.OBSERVATIONS_EMPTY)
    for _ in range(stage.settings.max_blind_ticks + 1):
        stage.tick()
        stage.later(minutes=5)
    assert stage.value("SELECT count(*) FROM ops.trading_states") == 0
