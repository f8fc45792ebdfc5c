"""Section 7.1 of the runbook, and what it takes for granted."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

SOCKETS = ("milkbot-analytics.socket", "milkbot-dashboard.socket")
SERVICES = ("milkbot-analytics.service", "milkbot-dashboard.service", "milkbot-trader.timer", "milkbot-rollups.timer")
UNITS = ("milkbot-analytics", "milkbot-dashboard", "milkbot-trader", "milkbot-rollups")


@pytest.mark.parametrize("unit", SERVICES)
def test_each_service_is_active(host: Host, unit: str) -> None:
    assert host.check_output(f"systemctl is-active {unit}") == "active"


@pytest.mark.parametrize("unit", [*SERVICES, *SOCKETS, "nginx.service"])
def test_each_service_starts_at_boot(host: Host, unit: str) -> None:
    assert host.check_output(f"systemctl is-enabled {unit}") == "enabled"


def test_the_api_answers_as_the_current_release(host: Host, release: str) -> None:
    answer = host.run("curl -s -w '\\n%{http_code}' http://127.0.0.1:8000/v1/health").stdout.splitlines()
    assert answer[-1] == "200"
    assert release.endswith("/" + json.loads(answer[0])["release"])


def test_the_dashboard_answers(host: Host) -> None:
    assert host.check_output("curl -sf http://127.0.0.1:8501/_stcore/health") == "ok"


def test_the_dashboard_loads_through_nginx(host: Host, domain: str) -> None:
    page = host.check_output(f"curl -skf --resolve {domain}:443:127.0.0.1 https://{domain}/")
    assert "<title>Milkbot" in page


def test_postgresql_accepts_connections(host: Host) -> None:
    assert "accepting connections" in host.check_output("LC_ALL=C pg_isready -h localhost -d milkbot -U milkbot")


def test_the_database_answers_a_query(host: Host) -> None:
    assert host.check_output("runuser -u milkbot-owner -- psql -U milkbot -d milkbot -XAtc 'SELECT 1'") == "1"


@pytest.mark.parametrize("unit", UNITS)
def test_no_journal_holds_errors(host: Host, unit: str) -> None:
    assert host.check_output(f"journalctl -u {unit} -n 50 -p err -q --no-pager -o cat") == ""


def test_the_timers_are_listed(host: Host) -> None:
    listed = host.check_output("systemctl list-timers --no-pager")
    assert "milkbot-trader.timer" in listed
    assert "milkbot-rollups.timer" in listed


def test_the_timers_follow_utc(host: Host) -> None:
    for timer in ("milkbot-trader.timer", "milkbot-rollups.timer"):
        calendar = host.check_output(f"systemctl show {timer} --property=TimersCalendar")
        assert "UTC" in calendar


def test_the_health_check_passes(host: Host) -> None:
    found = host.run("/opt/milkbot/deployment/scripts/healthcheck.sh")
    assert found.rc == 0, found.stdout


def test_the_import_of_the_runbook_works(host: Host) -> None:
    check = "from milkbot.trader.trading_loop import TradingLoop; print('OK')"
    assert host.check_output(f'/opt/milkbot/venv/bin/python -c "{check}"') == "OK"
