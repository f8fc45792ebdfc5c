"""Continuous archiving, on the machine itself."""

from __future__ import annotations

import pytest
from testinfra.host import Host

SCRIPTS = "/opt/milkbot/deployment/scripts"


def _sql(host: Host, query: str) -> str:
    return str(host.check_output("cd / && runuser -u postgres -- psql -XqAt -c %s", query))


def test_wal_is_archived(host: Host) -> None:
    assert _sql(host, "SHOW archive_mode") == "on"
    before = _sql(host, "SELECT archived_count FROM pg_stat_archiver")
    host.check_output("cd / && runuser -u postgres -- pgbackrest --stanza=milkbot check")
    assert int(_sql(host, "SELECT archived_count FROM pg_stat_archiver")) > int(before)


@pytest.mark.parametrize("job", ["full", "diff", "incr", "verify"])
def test_each_wal_backup_has_an_active_timer(host: Host, job: str) -> None:
    timer = host.service(f"milkbot-wal-{job}.timer")
    assert timer.is_running
    assert timer.is_enabled
    assert host.check_output(f"systemctl show --property=Unit --value milkbot-wal-{job}.timer") == (
        f"milkbot-wal@{job}.service"
    )


@pytest.mark.parametrize("name", ["wal-backup.sh", "point-in-time.py", "restore-to-time.sh"])
def test_only_root_may_change_the_scripts_that_root_runs(host: Host, name: str) -> None:
    script = host.file(f"{SCRIPTS}/{name}")
    assert (script.user, script.group, script.mode) == ("root", "root", 0o755)


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/var/backups/milkbot-wal", 0o700),
        ("/etc/pgbackrest/pgbackrest.conf", 0o640),
        ("/etc/pgbackrest/conf.d/milkbot-secrets.conf", 0o600),
    ],
)
def test_only_postgres_can_read_the_archive_and_its_settings(host: Host, path: str, mode: int) -> None:
    file = host.file(path)
    assert (file.user, file.mode) == ("postgres", mode)


@pytest.mark.parametrize("job", ["hourly", ""])
def test_an_unknown_kind_of_backup_is_refused(host: Host, job: str) -> None:
    done = host.run(f"{SCRIPTS}/wal-backup.sh {job}")
    assert done.rc == 2
    assert f"'{job}'" in done.stderr
