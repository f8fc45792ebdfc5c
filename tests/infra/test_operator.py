"""The operator's commands on a machine: they work when `.env` is wrong, judge by its table, and show UTC."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from testinfra.host import Host

LIMITS = "/opt/milkbot/deployment/limits.json"
ENV = "/opt/milkbot/.env"


WRONG = ("BANKROLL=-5", "MAX_TRADE_RISK_PCT=200", "COLOUR=blue")


@pytest.fixture
def wrong_settings(host: Host) -> Iterator[None]:
    """A file of settings that every tick refuses. Trading goes on when it is over."""
    running = "systemctl is-active --quiet milkbot-trader.service"
    host.check_output(f"systemctl stop milkbot-trader.timer; timeout 600 sh -c 'while {running}; do sleep 0.2; done'")
    host.check_output(f"cp -p {ENV} {ENV}.kept && printf '%s\\n' {' '.join(WRONG)} >>{ENV}")
    try:
        yield
    finally:
        host.check_output(f"mv {ENV}.kept {ENV}; systemctl start milkbot-trader.timer")
        host.run("milkbot resume --reason 'the test is over'")


def test_the_table_of_limits_has_the_interval_of_the_traders_timer(host: Host) -> None:
    table = json.loads(host.check_output(f"runuser -u milkbot -- cat {LIMITS}"))
    timer = host.check_output("systemctl show --property=TimersCalendar --value milkbot-trader.timer")
    minutes = re.search(r"\*:00/(\d+):00", timer)
    assert minutes is not None, timer
    assert table["trader_interval_minutes"] == int(minutes[1])


def test_the_doctor_finds_the_table_of_limits(host: Host) -> None:
    rows = json.loads(host.run("milkbot doctor --json").stdout)
    assert "newest tick" in {row["check"] for row in rows}
    assert "limits" not in {row["check"] for row in rows}


@pytest.mark.usefixtures("wrong_settings")
def test_halt_and_cancel_work_with_settings_that_every_tick_refuses(host: Host) -> None:
    assert host.run("milkbot tick").rc == 78
    for command in ("halt --reason test", "cancel-all", "state"):
        done = host.run(f"milkbot {command}")
        assert done.rc == 0, (command, done.stderr)
        assert "BANKROLL is '-5'" in done.stderr
    assert json.loads(host.run("milkbot state --json").stdout)[0]["value"] == "halted"
    wrong = [row["detail"] for row in json.loads(host.run("milkbot doctor --json").stdout) if row["verdict"] == "fail"]
    assert {line.partition("=")[0] for line in WRONG} <= {detail.split()[0] for detail in wrong}
    assert host.run("milkbot resume --reason test").rc == 0


def test_the_name_of_who_halted_is_not_taken_from_the_environment(host: Host) -> None:
    host.check_output("LOGNAME=x USER=x milkbot halt --reason test")
    said = host.check_output("milkbot resume --reason test")
    by = re.search(r"halted by (.+?) since", said)
    assert by is not None, said
    assert by[1] != "x"


def test_the_health_check_reports_that_the_exchange_is_reachable(host: Host) -> None:
    found = json.loads(host.run("/opt/milkbot/deployment/scripts/healthcheck.sh --json").stdout)
    (row,) = [row for row in found["rows"] if row["name"] == "exchange"]
    assert row["state"] == "ok"
