"""The runbook's scripts and root's crontab, on the machine itself."""

from __future__ import annotations

import pytest
from testinfra.host import Host

SCRIPTS = "/opt/milkbot/deployment/scripts"

CRONTAB = """\
0 2 * * * /opt/milkbot/deployment/scripts/backup-database.sh daily >> /var/log/milkbot/backup.log 2>&1
0 3 * * 0 /opt/milkbot/deployment/scripts/backup-database.sh weekly >> /var/log/milkbot/backup.log 2>&1
0 4 1 * * /opt/milkbot/deployment/scripts/backup-database.sh monthly >> /var/log/milkbot/backup.log 2>&1
*/5 * * * * /opt/milkbot/deployment/scripts/healthcheck.sh --alert >> /var/log/milkbot/healthcheck.log 2>&1"""

_DATABASE = "SELECT oid FROM pg_database WHERE datname = 'milkbot'"


def _as_cron(command: str) -> str:
    return f"env -i HOME=/root LOGNAME=root SHELL=/bin/sh PATH=/usr/bin:/bin /bin/sh -c '{command}'"


def test_the_crontab_is_that_of_the_runbook(host: Host) -> None:
    lines = [line for line in host.check_output("crontab -l").splitlines() if not line.startswith("#")]
    assert lines == CRONTAB.splitlines()


@pytest.mark.parametrize(
    "name",
    [
        *("backup-database.sh", "restore-database.sh", "restore-drill.sh", "offsite-backup.sh", "fetch-backup.sh"),
        *("inspect-backup.py", "describe-backup.py", "check-restored.py", "deploy-lock.py", "healthcheck.sh"),
    ],
)
def test_only_root_may_change_the_scripts_that_root_runs(host: Host, name: str) -> None:
    script = host.file(f"{SCRIPTS}/{name}")
    assert (script.user, script.group, script.mode) == ("root", "root", 0o755)


def test_the_health_check_passes_with_the_environment_of_cron(host: Host) -> None:
    # Cron's own may be running.
    host.check_output("flock --timeout 600 /run/lock/milkbot-health.lock true")
    done = host.run(_as_cron(f"{SCRIPTS}/healthcheck.sh --alert"))
    assert done.stderr == ""
    assert done.rc == 0, done.stdout


def test_a_backup_holds_both_schemas_with_its_checksum_and_manifest(host: Host) -> None:
    done = host.run(_as_cron(f"{SCRIPTS}/backup-database.sh pre-deploy"))
    assert done.rc == 0, done.stderr
    path = done.stdout.strip()
    assert host.file(path).mode == 0o600
    assert host.run(f"cd $(dirname {path}) && sha256sum --check $(basename {path}).sha256").rc == 0
    assert host.check_output(f"jq --raw-output .file {path}.json") == path.rpartition("/")[2]
    dump = f"gunzip --stdout {path} | grep -c -e 'CREATE SCHEMA ops' -e 'CREATE SCHEMA analytics'"
    assert host.check_output(dump) == "2"


def test_an_unknown_kind_of_backup_is_refused(host: Host) -> None:
    done = host.run(f"{SCRIPTS}/backup-database.sh hourly")
    assert done.rc == 2
    assert "'hourly'" in done.stderr


def test_a_truncated_backup_never_replaces_the_database(host: Host) -> None:
    before = host.check_output("cd / && runuser -u postgres -- psql -XAtc %s", _DATABASE)
    whole = host.check_output(f"{SCRIPTS}/backup-database.sh pre-deploy")
    cut = "/tmp/milkbot-cut.sql.gz"
    host.check_output(f"gunzip --stdout {whole} | head -n 200 | gzip > {cut}")
    try:
        done = host.run(f"{SCRIPTS}/restore-database.sh --foreign {cut}")
    finally:
        host.check_output(f"rm {cut}")
    assert done.rc == 1
    assert "not a complete dump" in done.stderr
    assert host.check_output("cd / && runuser -u postgres -- psql -XAtc %s", _DATABASE) == before
    assert host.check_output("systemctl is-active milkbot-trader.timer") == "active"
