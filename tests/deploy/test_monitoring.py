"""Monitoring on a real machine: all is up, every question has an answer, nothing is public, and off leaves nothing."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.deploy.platform import DOMAIN, Platform
from tests.roles.exported import EXPORTED
from tests.roles.promql import dashboard_queries, metrics_of, rules

pytestmark = pytest.mark.matrix

PROMETHEUS = "http://127.0.0.1:9090"
UNITS = ("prometheus", "prometheus-node-exporter", "prometheus-postgres-exporter", "prometheus-nginx-exporter")
# The steps of site.yml that the switch touches.
TOUCHED = "postgres,environment,systemd,nginx,monitoring"
# As the exporter of nginx does at times: its answer to a signal and its end run a race, and it may end with 1.
_ENDS_BADLY = "[Service]\\nExecStop=/bin/sh -c 'kill -KILL $MAINPID'\\n"
# Exported only once an alert is pending; and the clock's state, which a container may not ask the kernel for.
_LATER = {"ALERTS", "node_timex_sync_status", "node_timex_offset_seconds"}


@pytest.fixture(scope="module")
def watched(platform: Platform) -> Iterator[Platform]:
    """The platform with Prometheus; without it again afterwards, whatever happened."""
    on = platform.play("site.yml", monitoring_enabled=True)
    assert on.returncode == 0, on.stdout
    # A tick and a run of the rollups, a backup, and a reading of what they left.
    platform.ssh("systemctl start milkbot-trader.service milkbot-rollups.service milkbot-job-metrics.service")
    time.sleep(40)
    yield platform
    platform.play("site.yml", monitoring_enabled=False)


def _get(platform: Platform, path: str, **query: str) -> Any:
    url = f"{PROMETHEUS}{path}" + (f"?{urlencode(query)}" if query else "")
    answer = json.loads(platform.ssh(f"curl -s {shlex.quote(url)}"))
    assert answer["status"] == "success", answer
    return answer["data"]


# Comes first: on a machine that has it not.
def test_check_mode_succeeds_and_installs_nothing(platform: Platform) -> None:
    done = platform.play("site.yml", "--check", "--diff", monitoring_enabled=True)
    assert done.returncode == 0, done.stdout
    there = "dpkg --list 'prometheus*' 2>/dev/null | grep ^ii; ls -d /etc/milkbot/monitoring 2>/dev/null || true"
    assert platform.ssh(there) == ""


def test_every_target_is_up(watched: Platform) -> None:
    targets = _get(watched, "/api/v1/targets")["activeTargets"]
    assert {target["labels"]["job"] for target in targets} == {"milkbot-api", "node", "postgres", "nginx", "prometheus"}
    assert {target["health"] for target in targets} == {"up"}
    assert {target["labels"]["instance"] for target in targets} == {DOMAIN}


def test_prometheus_evaluates_every_alert_rule(watched: Platform) -> None:
    loaded = [rule for group in _get(watched, "/api/v1/rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in loaded} == {rule["alert"] for rule in rules()}
    assert {(rule["name"], rule["health"], rule.get("lastError")) for rule in loaded} == {
        (rule["alert"], "ok", None) for rule in rules()
    }


def test_every_metric_of_the_rules_and_the_dashboard_is_exported(watched: Platform) -> None:
    told = set(_get(watched, "/api/v1/label/__name__/values"))
    ours = {name for query in dashboard_queries() for name in metrics_of(query) if name.startswith("milkbot_")}
    # What only a backup, and a drill, leave.
    backups = {name for name in ours if name.startswith("milkbot_backup_")}
    assert EXPORTED - told - _LATER == set()
    assert ours - told - backups == set()


def test_prometheus_answers_the_query_of_every_panel(watched: Platform) -> None:
    for query in dashboard_queries():
        _get(watched, "/api/v1/query", query=query)


def test_no_alert_fires_on_a_healthy_machine(watched: Platform) -> None:
    firing = {
        (alert["labels"]["alertname"], alert["state"])
        for alert in _get(watched, "/api/v1/alerts")["alerts"]
        if alert["state"] == "firing"
    }
    assert firing == set()


def test_a_tick_and_the_rollups_write_their_metrics_files(watched: Platform) -> None:
    for writer, user in (("trader", "milkbot"), ("rollups", "milkbot-rollups")):
        directory = f"/var/lib/milkbot-metrics{'-of-rollups' if writer == 'rollups' else ''}"
        files = watched.ssh(f"stat --format='%n %U %a' {directory}/*.prom").splitlines()
        assert files == [f"{directory}/{name}.prom {user} 644" for name in (writer, f"{writer}_run")]
    (outcome,) = _get(watched, "/api/v1/query", query="milkbot_tick_outcome == 1")["result"]
    assert outcome["metric"]["outcome"] in {"completed", "paused"}


def test_metrics_are_readable_on_the_host_alone(watched: Platform) -> None:
    listening = watched.ssh("ss -Hltn | awk '{print $4}'").split()
    public = {port.rpartition(":")[2] for port in listening if not port.startswith(("127.", "[::1]"))}
    assert public == {"22", "80", "443"}
    for path in ("/api/metrics", "/api//metrics", "/api/./metrics", "/api/%6detrics", "/api/x/../metrics", "/metrics"):
        url = f"https://{DOMAIN}{path}"
        answer = watched.ssh(f"curl -sk --path-as-is --resolve {DOMAIN}:443:127.0.0.1 {shlex.quote(url)}")
        assert "milkbot_api_requests" not in answer, path
    assert "milkbot_api_requests" in watched.ssh("curl -s http://127.0.0.1:8000/metrics")


def test_the_exporter_reads_statistics_but_not_the_ledger(watched: Platform) -> None:
    psql = "cd / && runuser -u prometheus -- psql -h /run/postgresql -U milkbot_monitor -XAtc"
    assert watched.ssh(f"{psql} 'SELECT count(*) > 0 FROM pg_stat_activity' -d postgres") == "t"
    refused = watched.ssh(f"{psql} 'SELECT 1' -d milkbot 2>&1 || true")
    assert "no pg_hba.conf entry" in refused


def test_each_monitoring_unit_has_few_rights(watched: Platform) -> None:
    for unit, most in (*((unit, 2.5) for unit in UNITS if "node" not in unit), ("prometheus-node-exporter", 6.0)):
        overall = watched.ssh(f"systemd-analyze security {unit}.service --no-pager").splitlines()[-1]
        assert float(overall.split(":")[1].split()[0]) <= most, unit


def test_a_second_run_changes_nothing(watched: Platform) -> None:
    again = watched.play("site.yml", "--tags", TOUCHED, monitoring_enabled=True)
    assert again.returncode == 0, again.stdout
    assert "changed=0 " in again.stdout, again.stdout


def test_switching_monitoring_off_removes_all_of_it(watched: Platform) -> None:
    dropin = f"/run/systemd/system/{UNITS[0]}.service.d"
    watched.ssh(f"mkdir {dropin} && printf {shlex.quote(_ENDS_BADLY)} >{dropin}/test.conf && systemctl daemon-reload")
    try:
        off = watched.play("site.yml", monitoring_enabled=False)
    finally:
        watched.ssh(f"rm -r {dropin} && systemctl daemon-reload")
    assert off.returncode == 0, off.stdout
    for unit in (*UNITS, "milkbot-job-metrics.timer"):
        assert watched.ssh(f"systemctl is-active {unit} || true") == "inactive", unit
    left = "ls -d /etc/milkbot/monitoring /etc/nginx/conf.d/milkbot-status.conf /etc/systemd/system/prometheus*"
    assert watched.ssh(f"{left} /var/lib/milkbot-metrics*/*.prom 2>/dev/null || true") == ""
    role = "SELECT count(*) FROM pg_roles WHERE rolname = '\\''milkbot_monitor'\\''"
    assert watched.ssh(f"cd / && runuser -u postgres -- psql -XAtc '{role}'") == "0"
    ports = watched.ssh("ss -Hltn | awk '{print $4}'")
    assert not [port for port in ("9090", "9100", "9113", "9187", "8089") if f":{port}" in ports]
    again = watched.play("site.yml", "--tags", TOUCHED, monitoring_enabled=False)
    assert "changed=0 " in again.stdout, again.stdout
    watched.ssh("systemctl start milkbot-trader.service")
    assert watched.ssh("ls /var/lib/milkbot-metrics") == ""
