"""Backups, their copies elsewhere and the drill, on a machine that trades."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from tests.deploy.platform import Platform, said
from tests.deploy.second_machine import STORE

SCRIPTS = "/opt/milkbot/deployment/scripts"
BACKUPS = "/var/backups/milkbot"
STATE = "/var/lib/milkbot-backup"
# The machine's own sshd lets in who is listed, by algorithms that rclone does not know: a store is a server of its own.
STORE_HERE = f"""
{STORE}
{{ echo Port 2222; echo ListenAddress 127.0.0.1; echo PidFile none; echo UsePAM yes
  echo Subsystem sftp internal-sftp; }} >/root/store-sshd.conf
systemd-run --quiet --unit=milkbot-test-store /usr/sbin/sshd -D -f /root/store-sshd.conf
until (exec 3<>/dev/tcp/127.0.0.1/2222) 2>/dev/null; do :; done
"""
NO_STORE = """
systemctl stop milkbot-test-store.service
loginctl terminate-user store
while pgrep -u store >/dev/null; do :; done
userdel --remove store
rm -f /root/store-key* /root/store-sshd.conf /root/identity.txt /etc/ssh/sshd_config.d/store.conf
systemctl reload ssh
"""
CONFIG = """
[store]
type = sftp
host = 127.0.0.1
port = 2222
user = store
key_file = /root/store-key
known_hosts_file = /etc/milkbot/backup-known-hosts
"""


def _state(platform: Platform, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(platform.ssh(f"cat {STATE}/{name}.json"))
    return found


def _checksums(platform: Platform) -> str:
    """A digest of the ledger, without what ticks go on writing."""
    tables = "ops.orders ops.fills ops.positions ops.settlements ops.alembic_version"
    queries = "; ".join(
        f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t" for table in tables.split()
    )
    return platform.ssh(f"cd / && runuser -u postgres -- psql -XAt milkbot -c {shlex.quote(queries)}")


def _there(platform: Platform) -> list[str]:
    return platform.ssh("cd /srv/store/milkbot && find . -type f | sort").split()


@pytest.fixture
def store(platform: Platform) -> Iterator[str]:
    """A machine whose backups go, encrypted, to an sftp account; yields the identity's file on it."""
    platform.ssh(STORE_HERE)
    try:
        # rclone's own packages bring age, so the first run is without recipients.
        known = platform.ssh("ssh-keyscan -p 2222 -t ed25519 127.0.0.1 2>/dev/null")
        given: dict[str, Any] = {
            "backup_offsite_enabled": True,
            "backup_offsite_target": "store:milkbot",
            "backup_offsite_config_secret": CONFIG,
            "backup_offsite_known_hosts": known,
            "backup_offsite_keep_daily": 2,
        }
        first = platform.play("site.yml", "--tags", "backup", **given)
        assert first.returncode == 0, said(first)
        assert "[store]" not in said(first)
        public = platform.ssh("age-keygen -o /root/identity.txt 2>&1 | sed 's/^Public key: //'")
        second = platform.play("site.yml", "--tags", "backup", **given, backup_age_recipients=[public])
        assert second.returncode == 0, said(second)
        yield "/root/identity.txt"
    finally:
        platform.ssh(NO_STORE)
        done = platform.play("site.yml", "--tags", "backup")
        assert done.returncode == 0, said(done)
        assert platform.ssh("ls /etc/milkbot/backup-rclone.conf 2>/dev/null || true") == ""


def test_a_lost_backup_is_fetched_from_the_encrypted_off_site_copy(platform: Platform, store: str) -> None:
    path = platform.ssh(f"{SCRIPTS}/backup-database.sh daily")
    name = path.rpartition("/")[2].removesuffix(".sql.gz")
    assert f"./daily/{name}.tar.age" in _there(platform)
    assert not [there for there in _there(platform) if there.endswith(".part")]
    assert _state(platform, "offsite")["result"] == "good"
    assert platform.ssh(f"head -c 21 /srv/store/milkbot/daily/{name}.tar.age") == "age-encryption.org/v1"
    assert platform.ssh("stat --format=%a%U /etc/milkbot/backup-rclone.conf") == "600root"

    platform.ssh(f"mkdir /root/before && cp -a {BACKUPS}/daily/{name}* /root/before/ && rm {BACKUPS}/daily/{name}*")
    try:
        fetched = platform.ssh(f"{SCRIPTS}/fetch-backup.sh --identity {store}")
        assert fetched == path
        assert platform.ssh(f"diff -r /root/before {BACKUPS}/daily | grep /root/before || true") == ""
    finally:
        platform.ssh("rm -r /root/before")
    refused = platform.ssh(f"rm {BACKUPS}/daily/{name}*; {SCRIPTS}/fetch-backup.sh 2>&1 || true")
    assert "is encrypted; give the identity" in refused
    platform.ssh(f"{SCRIPTS}/fetch-backup.sh --identity {store}")

    # More than is kept there, after a night without the remote.
    platform.ssh("chmod 000 /srv/store/milkbot")
    try:
        platform.ssh(f"{SCRIPTS}/backup-database.sh daily")
    finally:
        platform.ssh("chmod 755 /srv/store/milkbot")
    failed = _state(platform, "offsite")
    assert (failed["result"], failed["last_good_file"]) == ("failed", f"store:milkbot/daily/{name}.tar.age")
    assert _state(platform, "daily")["result"] == "good"
    platform.ssh(f"{SCRIPTS}/backup-database.sh daily")
    daily = [there for there in _there(platform) if there.startswith("./daily/")]
    assert len(daily) == 2
    assert f"./daily/{name}.tar.age" not in daily
    # What is there is not what was sent.
    platform.ssh(f"truncate --size=-1 /srv/store/milkbot/{daily[-1]}")
    cut = platform.ssh(
        f"rm {BACKUPS}/daily/{daily[-1][8:31]}* ; {SCRIPTS}/fetch-backup.sh --identity {store} 2>&1 || true"
    )
    assert "failed:" in cut
    assert platform.ssh(f"ls -A {BACKUPS}/daily | grep fetch || true") == ""


def test_the_weekly_drill_proves_the_newest_backup_and_changes_nothing(platform: Platform) -> None:
    before, books = platform.state(), _checksums(platform)
    path = platform.ssh(f"{SCRIPTS}/backup-database.sh daily")
    assert platform.ssh("systemctl is-enabled milkbot-restore-drill.timer") == "enabled"
    platform.ssh("systemctl start milkbot-restore-drill.service")
    proved = _state(platform, "drill")
    assert (proved["result"], proved["file"]) == ("good", path), proved
    assert platform.ssh("ls /var/lib/milkbot-backup/drill 2>/dev/null || true") == ""
    assert platform.state() == before
    assert _checksums(platform) == books


def test_a_drill_runs_to_its_end_after_one_that_was_killed(platform: Platform) -> None:
    platform.ssh(f"{SCRIPTS}/backup-database.sh daily")
    # Only a server that is up has a socket; the one that initdb starts and ends has a postmaster.pid as well.
    up = f"timeout 600 sh -c 'until [ -S {STATE}/drill/.s.PGSQL.5432 ]; do sleep 0.05; done'"
    unit = "milkbot-restore-drill.service"
    main = f"$(systemctl show --property=MainPID --value {unit})"
    platform.ssh(f"systemctl start --no-block {unit}; {up}; kill -9 {main}")
    platform.ssh(f"timeout 600 sh -c 'until systemctl is-failed --quiet {unit}; do sleep 0.05; done'")
    # Started by an operator: systemd does not end the server of the script that is killed.
    started = f"rm -rf {STATE}/drill; {SCRIPTS}/restore-drill.sh >/dev/null 2>&1 </dev/null & script=$!"
    process = platform.ssh(f"{started}; {up}; kill -9 $script; head -n 1 {STATE}/drill/data/postmaster.pid")
    assert platform.ssh(f"kill -0 {process} && echo alive") == "alive"
    by_hand = platform.ssh(f"{SCRIPTS}/restore-drill.sh 2>&1")
    assert "is proved" in by_hand
    assert platform.ssh("systemctl is-failed milkbot-restore-drill.service || true") == "inactive"
    assert platform.ssh(f"kill -0 {process} 2>/dev/null && echo alive || true") == ""
    assert platform.ssh(f"ls {STATE}/drill 2>/dev/null || true") == ""


@pytest.mark.matrix
def test_the_drill_fails_on_a_backup_whose_positions_differ_from_the_fills(platform: Platform) -> None:
    platform.ssh("systemctl stop milkbot-trader.timer")
    sql = "runuser -u postgres -- psql -XAt milkbot -c"
    platform.ssh(f"{SCRIPTS}/backup-database.sh daily && {SCRIPTS}/restore-drill.sh")
    good = _state(platform, "drill")
    try:
        platform.ssh(f"cd / && {sql} 'UPDATE ops.positions SET fees = fees + 1'")
        platform.ssh(f"{SCRIPTS}/backup-database.sh daily")
        refused = platform.ssh(f"{SCRIPTS}/restore-drill.sh 2>&1 || true")
    finally:
        platform.ssh(f"cd / && {sql} 'UPDATE ops.positions SET fees = fees - 1'; systemctl start milkbot-trader.timer")
        platform.ssh(f"{SCRIPTS}/backup-database.sh daily")
    assert "the ledger break 'position-is-its-fills'" in refused
    failed = _state(platform, "drill")
    assert (failed["result"], failed["last_good_at"]) == ("failed", good["last_good_at"])
    assert "position-is-its-fills" in failed["reason"]
