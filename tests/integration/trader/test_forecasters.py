"""A forecaster of another package, live and in shadow: what it does wrong holds its own events and changes no other."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.exchange import Exchange
from tests.forecaster_packages import BODY, Install
from tests.integration.trader.conftest import SERIES
from tests.integration.trader.stage import Stage, staged
from tests.patience import PATIENCE
from tests.postgres import TestDatabase

from milkbot.forecast import host as hosts
from milkbot.trader.decide import forecasts as of_a_tick

UNIFORM = "return [1.0] * len(inputs.brackets)"
STORED = """
    SELECT forecaster, event_ticker, is_live, version, reason, detail, probabilities, lead_s FROM ops.forecasts
    WHERE tick_id = (SELECT max(id) FROM ops.ticks) ORDER BY forecaster, event_ticker
"""
DECISIONS = """
    SELECT ticker, decision, reasons, p_yes, edge, price, count FROM ops.signals
    WHERE tick_id = (SELECT max(id) FROM ops.ticks) ORDER BY ticker
"""
EVENTS = 4
"""Two cities, today and tomorrow."""


def package(name: str, does: str) -> str:
    """A package whose forecaster does that with its `inputs`."""
    return BODY.format(name=name, parameters={"weight": 1}).replace(UNIFORM, does)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine, only what never answers is late."""
    monkeypatch.setattr(hosts, "EVENT_SECONDS", PATIENCE)
    monkeypatch.setattr(hosts, "START_SECONDS", PATIENCE)
    monkeypatch.setattr(of_a_tick, "LIVE_SECONDS", PATIENCE)
    monkeypatch.setattr(of_a_tick, "CHALLENGERS_SECONDS", PATIENCE)


def tick(exchange: Exchange, database: TestDatabase, **settings: str) -> Stage:
    """One tick of a trader of two cities with these settings."""
    with staged(exchange, database, TRADING_SERIES=SERIES, **settings) as stage:
        stage.tick()
        return stage


def test_a_tick_stores_the_live_forecast_of_each_event_with_its_inputs(stage: Stage) -> None:
    stage.tick()
    rows = stage.rows(STORED)
    assert [(row["forecaster"], row["is_live"], row["version"], row["reason"]) for row in rows] == [
        ("normal", True, "1", None)
    ] * EVENTS
    same = """
        SELECT bool_and(weather.tick_id = made.tick_id AND market.tick_id = made.tick_id AND signal.p_yes = one.chance)
        FROM ops.forecasts AS made
        JOIN ops.weather_snapshots AS weather ON weather.id = made.weather_snapshot_id
        CROSS JOIN unnest(made.market_snapshot_ids, made.probabilities) AS one (snapshot, chance)
        JOIN ops.market_snapshots AS market ON market.id = one.snapshot AND market.event_ticker = made.event_ticker
        JOIN ops.signals AS signal ON signal.tick_id = made.tick_id AND signal.ticker = market.ticker
    """
    assert stage.value(same) is True


def test_a_forecaster_of_another_package_trades_under_its_own_name(
    exchange: Exchange, database: TestDatabase, install: Install
) -> None:
    install("mine", package("mine", "return [1.0 if one.quote and one.quote.ask else 0.1 for one in inputs.brackets]"))
    stage = tick(exchange, database, FORECASTER="mine", MAX_MODEL_MARKET_GAP="1")
    assert {row["version"] for row in stage.rows(STORED)} == {"3"}
    assert stage.value("SELECT count(*) FROM ops.orders WHERE strategy_name = 'mine'") > 0
    assert {row["strategy_name"] for row in stage.rows("SELECT strategy_name FROM ops.signals")} == {"mine"}
    marked = stage.rows("SELECT key FROM ops.rollup_touched WHERE bucket = 'strategy'")
    assert "mine" in {row["key"] for row in marked}


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("raise RuntimeError('no model')", "forecaster_failed"),
        ("import os; os._exit(1)", "forecaster_failed"),
        ("return [0.5]", "forecaster_nonsense"),
        ("return [float('nan')] * len(inputs.brackets)", "forecaster_nonsense"),
        ("from milkbot.forecast.forecaster import NoForecast; return NoForecast('too early')", "no_forecast"),
    ],
)
def test_a_live_forecaster_that_fails_holds_every_market_and_the_tick_completes(
    exchange: Exchange, database: TestDatabase, install: Install, does: str, reason: str
) -> None:
    install("mine", package("mine", does))
    stage = tick(exchange, database, FORECASTER="mine")
    assert stage.value("SELECT outcome FROM ops.ticks") == "completed"
    said = Counter((row["decision"], row["reasons"]["codes"][0]) for row in stage.rows(DECISIONS))
    assert said == {("hold", reason): 24}
    assert exchange.order_count() == 0
    assert {row["reason"] for row in stage.rows(STORED)} == {reason}


@pytest.mark.parametrize("does", ["import time; time.sleep(9999)", "while True: pass"])
def test_a_late_answer_means_hold(
    exchange: Exchange, database: TestDatabase, install: Install, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    monkeypatch.setattr(hosts, "EVENT_SECONDS", 0.2)
    install("mine", package("mine", does))
    stage = tick(exchange, database, FORECASTER="mine")
    assert {row["reasons"]["codes"][0] for row in stage.rows(DECISIONS)} == {"forecaster_late"}
    assert exchange.order_count() == 0


def test_one_events_failure_changes_no_other_event(
    exchange: Exchange, database: TestDatabase, install: Install
) -> None:
    does = "assert inputs.city.code != 'NYC', 'not there'; " + UNIFORM
    install("mine", package("mine", does))
    stage = tick(exchange, database, FORECASTER="mine")
    by_city = {row["event_ticker"][:9]: row["reason"] for row in stage.rows(STORED)}
    assert by_city == {"KXHIGHNY-": "forecaster_failed", "KXHIGHCHI": None}


def decided(stage: Stage) -> list[dict[str, Any]]:
    """The decisions of the last tick."""
    return stage.rows(DECISIONS)


def test_a_challenger_that_raises_sleeps_or_answers_nonsense_changes_no_decision(
    exchange: Exchange, database: TestDatabase, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = decided(tick(exchange, database, TRADING_MODE="shadow"))
    monkeypatch.setattr(of_a_tick, "CHALLENGERS_SECONDS", 3.0)
    challengers = {
        "raising": "raise RuntimeError('no model')",
        "sleeping": "import time; time.sleep(9999)",
        "babbling": "return ['high'] * len(inputs.brackets)",
    }
    for name, does in challengers.items():
        install(name, package(name, does), f"{name}_package")
    stage = tick(exchange, database, TRADING_MODE="shadow", FORECASTER_SHADOW=",".join(challengers))
    assert decided(stage) == alone
    assert any(row["decision"] != "hold" for row in alone), "decisions that only hold would prove nothing"
    reasons = {(row["forecaster"], row["reason"]) for row in stage.rows(STORED) if not row["is_live"]}
    assert ("sleeping", "forecaster_late") in reasons
    assert {name for name, _ in reasons} == challengers.keys()
    assert None not in {reason for _, reason in reasons}


def test_a_challenger_never_trades_and_is_asked_of_the_moments_of_the_live_one(stage: Stage) -> None:
    stage.settings = stage.settings.model_copy(update={"forecaster_shadow": ("market",)})
    stage.tick()
    assert stage.exchange.order_count() > 0
    assert {row["strategy_name"] for row in stage.rows("SELECT strategy_name FROM ops.orders")} == {"normal-by-lead"}
    apart = """
        SELECT count(*) FROM ops.forecasts AS live JOIN ops.forecasts AS other USING (tick_id, event_ticker)
        WHERE live.is_live AND NOT other.is_live
        AND (live.as_of, live.weather_snapshot_id) = (other.as_of, other.weather_snapshot_id)
    """
    assert stage.value(apart) == EVENTS


def test_a_challenger_is_asked_once_an_hour_and_the_live_one_in_each_tick(stage: Stage) -> None:
    stage.settings = stage.settings.model_copy(update={"forecaster_shadow": ("market",)})
    for _ in range(3):
        stage.tick()
        stage.later(minutes=25)
    counted = stage.rows("SELECT is_live, count(*) FROM ops.forecasts GROUP BY is_live ORDER BY is_live")
    assert counted == [{"is_live": False, "count": EVENTS}, {"is_live": True, "count": 3 * EVENTS}]
    stage.tick()
    assert stage.value("SELECT count(*) FROM ops.forecasts WHERE NOT is_live") == 2 * EVENTS


def test_a_challenger_that_failed_is_asked_again_in_the_next_hour_and_not_before(
    exchange: Exchange, database: TestDatabase, install: Install
) -> None:
    install("raising", package("raising", "raise RuntimeError('no model')"), "raising_package")
    asked = "SELECT count(*) FROM ops.forecasts WHERE forecaster = 'raising' AND reason = 'forecaster_failed'"
    with staged(exchange, database, TRADING_SERIES=SERIES, FORECASTER_SHADOW="raising") as stage:
        stage.tick()
        stage.later(minutes=25)
        stage.tick()
        assert stage.value(asked) == EVENTS
        stage.later(minutes=60)
        stage.tick()
        assert stage.value(asked) == 2 * EVENTS


def test_what_a_challenger_lacks_of_the_weather_is_its_reason_too(stage: Stage) -> None:
    stage.settings = stage.settings.model_copy(
        update={"forecaster": "market", "forecaster_shadow": ("normal",), "max_forecast_age_hours": 0}
    )
    report = stage.tick()
    reasons = {(row["forecaster"], row["reason"]) for row in stage.rows(STORED)}
    assert reasons == {("market", None), ("normal", "forecast_stale")}
    assert any("forecast_stale" in problem for city in report.weather.values() for problem in city.problems)
