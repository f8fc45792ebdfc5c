"""Appendix B of the runbook, and who may read and write what."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

SERVICE_USERS = (
    "milkbot",
    "milkbot-owner",
    "milkbot-control",
    "milkbot-rollups",
    "milkbot-analytics",
    "milkbot-dashboard",
)

APPENDIX_B = (
    ("/opt/milkbot", "root", 0o755),
    ("/opt/milkbot/venv/bin/milkbot", "root", 0o755),
    ("/opt/milkbot/.env", "milkbot-owner", 0o600),
    ("/var/log/milkbot", "root", 0o755),
    ("/var/backups/milkbot", "root", 0o700),
    ("/etc/systemd/system/milkbot-analytics.service", "root", 0o644),
    ("/etc/systemd/system/milkbot-dashboard.service", "root", 0o644),
    ("/etc/systemd/system/milkbot-trader.service", "root", 0o644),
    ("/etc/systemd/system/milkbot-trader.timer", "root", 0o644),
    ("/etc/systemd/system/milkbot-rollups.timer", "root", 0o644),
    ("/etc/nginx/sites-available/milkbot.conf", "root", 0o644),
    ("/etc/logrotate.d/milkbot", "root", 0o644),
)


@pytest.mark.parametrize(("path", "owner", "mode"), APPENDIX_B)
def test_every_path_of_appendix_b_exists_with_its_owner_and_mode(host: Host, path: str, owner: str, mode: int) -> None:
    file = host.file(path)
    assert file.exists
    assert (file.user, file.mode) == (owner, mode)


@pytest.mark.parametrize("name", ["milkbot-access.log", "milkbot-error.log"])
def test_nginx_logs_where_the_runbook_says(host: Host, name: str) -> None:
    assert host.file(f"/var/log/nginx/{name}").is_file


@pytest.mark.parametrize("name", ["trader", "analytics", "dashboard"])
def test_each_service_writes_its_log_as_json(host: Host, name: str) -> None:
    log = host.file(f"/var/log/milkbot/{name}.log")
    assert log.size > 0
    assert log.mode == 0o640
    last = log.content_string.strip().splitlines()[-1]
    assert json.loads(last)["timestamp"]


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly", "pre-deploy"])
def test_only_root_can_read_backups(host: Host, kind: str) -> None:
    directory = host.file(f"/var/backups/milkbot/{kind}")
    assert (directory.user, directory.group, directory.mode) == ("root", "root", 0o700)


def test_each_secret_is_readable_by_whom_it_is_for_alone(host: Host, domain: str) -> None:
    key = host.file("/opt/milkbot/kalshi_private_key.pem")
    assert (key.user, key.group, key.mode) == ("milkbot", "milkbot", 0o440)
    members = host.check_output("getent group milkbot").rpartition(":")[2]
    assert set(members.split(",")) == {"milkbot-owner", "milkbot-control"}
    tls = host.file(f"/etc/ssl/private/{domain}.key")
    assert (tls.user, tls.mode) == ("root", 0o600)
    host.run("/opt/milkbot/deployment/scripts/healthcheck.sh --alert")  # It leaves the last of these.
    for path in ("/etc/milkbot/health.env", "/etc/milkbot/health-channels.json", "/var/lib/milkbot-health/state.json"):
        assert (host.file(path).user, host.file(path).mode) == ("root", 0o600)


def test_no_world_readable_file_contains_a_secret(host: Host) -> None:
    password = host.check_output("sed -n 's/^POSTGRES_PASSWORD=//p' /opt/milkbot/.env").strip('"')
    assert password
    readable = "find /etc /opt/milkbot /var/log /usr/local -xdev -type f -perm -o=r -size -1M -print0"
    found = host.run(
        f"{readable} | xargs -0 grep -lF -e %s -e 'BEGIN PRIVATE KEY' -e 'BEGIN RSA PRIVATE KEY'", password
    )
    allowed = ("/venv/", "/etc/ssl/certs/")
    assert [path for path in found.stdout.split() if not any(part in path for part in allowed)] == []


@pytest.mark.parametrize("user", SERVICE_USERS)
def test_no_service_can_change_the_code_that_runs(host: Host, user: str, release: str) -> None:
    roots = f"/opt/milkbot {release} /opt/milkbot/deployment /opt/milkbot-tools /etc/milkbot /var/backups"
    own = "-path /opt/milkbot/data -o -path /opt/milkbot/logs -o -path /opt/milkbot/.env"
    command = f"find {roots} -xdev \\( {own} \\) -prune -o -writable ! -type l -print -quit"
    assert host.check_output(f"runuser -u {user} -- {command} 2>/dev/null || true") == ""


def test_no_service_user_can_log_in(host: Host) -> None:
    assert {host.user(user).shell for user in SERVICE_USERS} == {"/usr/sbin/nologin"}


def test_the_running_release_is_recorded(host: Host, release: str) -> None:
    record = json.loads(host.file(f"{release}/release.json").content_string)
    assert release.endswith(record["id"])
    assert record["id"].endswith(record["commit"][:12])
    history = host.file("/opt/milkbot/deploys.jsonl").content_string.splitlines()
    assert json.loads(history[-1])["release"] == record["id"]
