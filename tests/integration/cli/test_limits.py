"""The doctor judges by the table of limits that the roles wrote, and knows when a tick is due."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import update
from tests.cli import Milkbot
from tests.facts import Facts
from tests.postgres import TestDatabase

from milkbot.cli.host import Timer
from milkbot.db.ops import Tick
from milkbot_hostcheck.checks import trading
from milkbot_hostcheck.checks.database import FACTS
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row
from milkbot_hostcheck.settings import Settings

Limits = Callable[..., None]


def doctor(milkbot: Milkbot, row: str) -> tuple[str, str]:
    """The verdict and the detail of one row."""
    rows = {found["check"]: found for found in json.loads(milkbot("doctor", "--json").out)}
    return rows[row]["verdict"], rows[row]["detail"]


def started(monkeypatch: pytest.MonkeyPatch, ago: timedelta | None) -> None:
    """The timer of the ticks is active since then; None: it is not."""
    now = datetime.now(UTC)
    timer = None if ago is None else Timer(now - ago, now + timedelta(seconds=30))
    monkeypatch.setattr("milkbot.cli.doctor.tick_timer", lambda: timer)


@pytest.fixture
def tick(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick of 20 minutes ago, and nothing of systemd's."""
    at = datetime.now(UTC) - timedelta(minutes=20)
    Facts(database.engine()).tick(at, finished=at, outcome="completed")
    started(monkeypatch, None)


@pytest.mark.usefixtures("tick")
def test_a_tick_every_20_minutes_is_healthy_after_20_minutes(connected: Milkbot, limits: Limits) -> None:
    limits(trader_interval=20)
    assert doctor(connected, "newest tick")[0] == "ok"
    limits(trader_interval=5)
    assert doctor(connected, "newest tick")[0] == "fail"


@pytest.mark.usefixtures("tick")
def test_no_tick_is_late_before_one_was_due_since_the_timer_started(
    connected: Milkbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(monkeypatch, timedelta(seconds=30))
    verdict, detail = doctor(connected, "newest tick")
    assert verdict == "ok"
    assert "milkbot-trader.timer was started at" in detail
    assert "next tick at" in detail
    started(monkeypatch, timedelta(minutes=16))
    assert doctor(connected, "newest tick")[0] == "fail"


def test_doctor_and_the_health_check_have_the_same_limits_for_the_disk(connected: Milkbot, limits: Limits) -> None:
    for given, verdict in (
        ({"disk_warn_percent": 101, "disk_fail_percent": 101, "disk_warn_free_mb": 0, "disk_fail_free_mb": 0}, "ok"),
        ({"disk_warn_percent": 0, "disk_fail_percent": 101, "disk_fail_free_mb": 0}, "warn"),
        ({"disk_fail_percent": 0}, "fail"),
        ({"disk_fail_free_mb": 10**12}, "fail"),
    ):
        limits(**given)
        assert doctor(connected, "disk")[0] == verdict


def test_the_limit_for_the_clock_comes_from_the_table(connected: Milkbot, origin: str, limits: Limits) -> None:
    skew = {"rules": [{"fault": "clock_skew", "seconds": 25, "times": None}]}
    httpx2.post(f"{origin}/simulator/faults", json=skew).raise_for_status()
    try:
        limits(clock_warn_seconds=20, clock_fail_seconds=30)
        assert doctor(connected, "clock")[0] == "warn"
        limits(clock_warn_seconds=30, clock_fail_seconds=40)
        assert doctor(connected, "clock")[0] == "ok"
    finally:
        httpx2.delete(f"{origin}/simulator/faults").raise_for_status()


@pytest.mark.usefixtures("tick")
def test_without_a_table_of_limits_doctor_warns_and_uses_the_defaults(connected: Milkbot, tmp_path: Path) -> None:
    (tmp_path / "limits.json").unlink()
    verdict, detail = doctor(connected, "limits")
    assert verdict == "warn"
    assert "site.yml --tags health" in detail
    assert doctor(connected, "newest tick")[0] == "ok"


def health_row(database: TestDatabase) -> Row:
    """The row of the health check, by its own query."""
    query = next(part for part in FACTS.split(";\n") if "'about', 'seen'" in part).replace(":'mode'", "'demo'")
    with database.engine().connect() as connection:
        found = connection.exec_driver_sql(query.replace("%", "%%")).scalars().all()
    return trading.seen(Host(Settings()), {"states": {"rows": []}, **{fact["about"]: fact for fact in found}})


@pytest.mark.parametrize(
    ("ticks", "verdict", "said"),
    [
        ([], "ok", ""),
        ([(50, {}), (40, {"expected markets": 24})], "ok", ""),
        ([(50, {"missing KXHIGHNY": 6}), (4, {"expected markets": 24})], "ok", ""),
        ([(50, {}), (20, {"missing KXHIGHNY": 6}), (10, {"missing KXHIGHCHI": 1})], "warn", "1 of KXHIGHCHI"),
        ([(29, {"missing KXHIGHNY": 6})], "warn", "6 of KXHIGHNY"),
        ([(50, {}), (31, {"missing KXHIGHCHI": 1}), (1, {"missing KXHIGHNY": 6})], "fail", "6 of KXHIGHNY"),
    ],
)
def test_doctor_and_the_health_check_judge_markets_that_are_missing_alike(
    connected: Milkbot,
    limits: Limits,
    database: TestDatabase,
    ticks: list[tuple[int, dict[str, int]]],
    verdict: str,
    said: str,
) -> None:
    limits()
    now = datetime.now(UTC)
    facts = Facts(database.engine())
    for minutes, counts in ticks:
        tick_id = facts.tick(now - timedelta(minutes=minutes), finished=now, outcome="completed")
        with database.engine().begin() as connection:
            connection.execute(update(Tick).where(Tick.id == tick_id).values(counts=counts))
    facts.tick(now, finished=now, outcome="paused")
    by_doctor, by_check = doctor(connected, "markets seen"), health_row(database)
    assert by_doctor[0] == by_check.state.value == verdict
    assert said in by_doctor[1]
    assert said in by_check.value
