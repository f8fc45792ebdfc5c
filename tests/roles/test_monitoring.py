"""What the monitoring's files say, rendered without a host."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml
from tests.roles.promql import ALERTS, promtool
from tests.roles.rendering import evaluate, render

ON = {"monitoring_enabled": True, "milkbot_domain": "milkbot.test"}
WEBHOOK = "https://hooks.example/x?a=1&b=\"'{{ $x }}"


def _services(**given: Any) -> dict[str, dict[str, Any]]:
    """The services that are wanted, as their drop-ins are made of them."""
    services = evaluate("_monitoring_services", **given)
    return {name: service for name, service in services.items() if service["wanted"]}


def _dropin(name: str, **given: Any) -> str:
    service = _services(**given)[name]
    return render("monitoring/service.conf.j2", item=name, monitoring_service=service, **given)


def test_only_the_chosen_monitoring_services_are_installed() -> None:
    assert _services() == {}
    exporters = {"prometheus-node-exporter", "prometheus-postgres-exporter", "prometheus-nginx-exporter"}
    assert set(_services(**ON, monitoring_server="none")) == exporters
    assert set(_services(**ON)) == exporters | {"prometheus"}
    assert set(_services(**ON, monitoring_alert_webhook=WEBHOOK)) == exporters | {
        "prometheus",
        "prometheus-alertmanager",
    }
    # Alerts are Prometheus' to find.
    assert set(_services(**ON, monitoring_server="none", monitoring_alert_webhook=WEBHOOK)) == exporters


@pytest.mark.parametrize("given", [{}, {"monitoring_enabled": "false"}])
def test_without_monitoring_the_database_is_closed_and_no_metrics_are_written(given: dict[str, Any]) -> None:
    assert "milkbot_monitor" not in render("postgres/pg_hba.conf.j2", **given)
    assert "prometheus" not in render("postgres/pg_ident.conf.j2", **given)
    for service in ("trader", "rollups"):
        assert evaluate(f"_environment_{service}", **given)["MILKBOT_METRICS_DIRECTORY"] == ""


def test_the_exporter_has_no_access_to_the_ledger() -> None:
    rules = [line.split() for line in render("postgres/pg_hba.conf.j2", **ON).splitlines() if "milkbot_monitor" in line]
    assert rules == [["local", "postgres", "milkbot_monitor", "peer", "map=milkbot"]]
    identities = render("postgres/pg_ident.conf.j2", **ON).splitlines()
    assert [line.split()[1:] for line in identities if "monitor" in line] == [["prometheus", "milkbot_monitor"]]


def test_the_services_write_metrics_where_the_exporter_reads_them() -> None:
    (pattern,) = re.findall(r"--collector.textfile.directory=(\S+) ", _dropin("prometheus-node-exporter", **ON))
    directories = set()
    for unit in ("trader", "rollups"):
        directory = evaluate(f"_environment_{unit}", **ON)["MILKBOT_METRICS_DIRECTORY"]
        text = render(f"systemd/milkbot-{unit}.service.j2", **ON)
        assert f"StateDirectory={directory.removeprefix('/var/lib/')}\nStateDirectoryMode=0755\n" in text
        assert fnmatch(directory, pattern)
        directories.add(directory)
    # Each has a user of its own, and writes where no other may.
    assert len(directories) == 2


def test_every_monitoring_service_listens_on_loopback() -> None:
    given = {**ON, "monitoring_alert_webhook": WEBHOOK}
    for name, service in _services(**given).items():
        text = _dropin(name, **given)
        assert re.findall(r"listen-address=(\S*)", text)[0].startswith("127.0.0.1:")
        assert service["url"].startswith("http://127.0.0.1:")
        # What the package would add, as it comes, listens everywhere.
        assert "EnvironmentFile=\n" in text
    # Alertmanager's second port is for others of its kind.
    assert "--cluster.listen-address= " in _dropin("prometheus-alertmanager", **given)
    assert re.findall(r"listen (\S+);", render("monitoring/milkbot-status.conf.j2", **ON)) == ["127.0.0.1:8089"]


def test_only_alertmanager_can_send_to_the_internet() -> None:
    given = {**ON, "monitoring_alert_webhook": WEBHOOK}
    senders = {name for name in _services(**given) if "IPAddressAllow=any" in _dropin(name, **given)}
    assert senders == {"prometheus-alertmanager"}


def test_nginx_does_not_publish_the_metrics() -> None:
    site = render("nginx/milkbot.conf.j2")
    assert re.search(r"location = /api/metrics \{\s+return 404;\s+\}", site)


def test_every_webhook_address_is_kept_in_alertmanagers_settings() -> None:
    text = render("monitoring/alertmanager.yml.j2", **ON, monitoring_alert_webhook=WEBHOOK)
    (receiver,) = yaml.safe_load(text)["receivers"]
    assert receiver["webhook_configs"][0]["url"] == WEBHOOK


def test_the_webhook_address_is_in_private_files_alone() -> None:
    assert evaluate("_monitoring_files_alerting | map(attribute='mode') | list") == ["0600"]
    given = {**ON, "monitoring_alert_webhook": WEBHOOK}
    for text in (
        *(_dropin(name, **given) for name in _services(**given)),
        render("monitoring/prometheus.yml.j2", **given),
    ):
        assert "hooks.example" not in text


@pytest.mark.parametrize("webhook", ["", WEBHOOK])
def test_prometheus_accepts_its_settings(tmp_path: Any, webhook: str) -> None:
    text = render("monitoring/prometheus.yml.j2", **ON, monitoring_alert_webhook=webhook)
    rules = re.findall(r"- (/etc/milkbot/\S+)", text)
    assert rules == ["/etc/milkbot/monitoring/alerts.yml"]
    file = tmp_path / "prometheus.yml"
    file.write_text(text.replace(rules[0], str(ALERTS)), "utf-8")
    assert ("127.0.0.1:9093" in text) == bool(webhook)
    done = promtool("check", "config", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_job_of_the_alerts_is_configured() -> None:
    jobs = set(evaluate("_monitoring_targets", **ON))
    assert set(re.findall(r'job="([^"]+)"', ALERTS.read_text(encoding="utf-8"))) <= jobs
