"""The platform trades by itself."""

from __future__ import annotations

import json
import time

import pytest
from testinfra.host import Host


def _query(host: Host, query: str) -> str:
    return str(host.check_output("runuser -u milkbot -- psql -U milkbot_trader -d milkbot -XAtc %s", query))


@pytest.fixture
def timer_period(host: Host) -> int:
    """Seconds from one tick to the next."""
    calendar = host.check_output("grep -oP 'OnCalendar=.*:00/\\K[0-9]+' /etc/systemd/system/milkbot-trader.timer")
    return int(calendar) * 60


def test_the_timer_starts_a_tick(host: Host, timer_period: int) -> None:
    begin = _query(host, "SELECT now()")
    deadline = time.monotonic() + timer_period + 60
    while time.monotonic() < deadline:
        if int(_query(host, f"SELECT count(*) FROM ops.ticks WHERE started_at > '{begin}'")):
            return
        time.sleep(5)
    pytest.fail(host.run("journalctl -u milkbot-trader -n 30 --no-pager").stdout)


def test_the_last_tick_succeeded(host: Host) -> None:
    assert host.check_output("systemctl show milkbot-trader.service --property=Result --value") == "success"


def test_the_simulated_days_were_traded(host: Host) -> None:
    unit = host.file("/etc/systemd/system/milkbot-simulator.service")
    if not unit.exists:
        pytest.skip("this machine has no simulator, so it has no history of one")
    days = int(unit.content_string.split("--history-days")[1].split()[0])
    assert days > 3
    assert int(_query(host, "SELECT count(DISTINCT date(started_at)) FROM ops.ticks")) >= days - 2
    assert int(_query(host, "SELECT count(*) FROM ops.fills")) > 0
    assert int(_query(host, "SELECT count(*) FROM ops.settlements")) > 0


def test_the_simulator_runs_on_the_wall_clock(host: Host) -> None:
    if not host.file("/etc/systemd/system/milkbot-simulator.service").exists:
        pytest.skip("this machine has no simulator")
    state = json.loads(host.check_output("curl -sf http://127.0.0.1:8900/simulator/state"))
    assert state["mode"] == "wall"
