"""backup-database.sh, on a real database: what it writes, what it refuses, and what is left when it is stopped."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest
from tests.integration.backup.host import BACKUPS, Host


def test_the_manifest_counts_the_rows_of_the_backups_snapshot(host: Host) -> None:
    host.fill(50)
    # Rows that come while it is dumped, which is when their count is no longer what is in the dump.
    host.program(
        "pg_dump", 'psql -U postgres -qc "DELETE FROM ops.ticks WHERE id > 20" milkbot; exec /usr/bin/pg_dump "$@"'
    )
    path = host.backup()
    manifest = json.loads(path.with_name(path.name + ".json").read_text("utf-8"))
    assert manifest["tables"]["ops.ticks"] == 50
    assert host.ask("SELECT count(*) FROM ops.ticks") == ["20"]
    assert manifest["schema"] == host.revision()
    assert (manifest["file"], manifest["kind"], manifest["release"]) == (path.name, "daily", "r1")
    assert manifest["bytes"] == path.stat().st_size
    assert host.run("sh", "-c", f"cd {BACKUPS}/daily && sha256sum --check *.sha256").returncode == 0
    assert {beside.stat().st_mode & 0o777 for beside in path.parent.iterdir()} == {0o600}
    assert host.state("daily")["result"] == "good"
    assert host.state("daily")["last_good_file"] == f"{BACKUPS}/daily/{path.name}"
    assert host.leftovers() == []


def test_a_backup_holds_the_roles_that_an_empty_server_needs(host: Host) -> None:
    host.fill(3)
    host.ask("ALTER DATABASE milkbot SET work_mem = '7MB'", "postgres")
    host.ask("ALTER ROLE milkbot PASSWORD 'do-not-tell'", "postgres")
    path = host.backup()
    roles = path.with_name(path.name + ".globals.sql").read_text("utf-8")
    assert "CREATE ROLE milkbot_trader" in roles
    assert "REVOKE CONNECT,TEMPORARY ON DATABASE milkbot FROM PUBLIC" in roles
    assert "ALTER DATABASE milkbot SET work_mem TO '7MB'" in roles
    assert "SCRAM-SHA-256" not in roles
    done = host.script("restore-drill.sh")
    assert done.returncode == 0, done.stderr
    proved = host.state("drill")
    assert (proved["result"], proved["file"]) == ("good", f"{BACKUPS}/daily/{path.name}")
    assert proved["taken_at"] == json.loads(path.with_name(path.name + ".json").read_text("utf-8"))["at"]
    assert host.databases() == {"milkbot", "milkbot_template"}
    assert not host.path("/var/lib/milkbot-backup/drill").exists()


def test_the_drill_disables_jit_compilation_of_queries(host: Host) -> None:
    backup = host.backup()
    asked = f"psql -U postgres -XAtc 'SHOW jit' postgres >{BACKUPS}/jit"
    host.program("gunzip", f'{asked}; exec /usr/bin/gunzip "$@"')
    done = host.script("restore-drill.sh", f"{BACKUPS}/daily/{backup.name}")
    assert done.returncode == 0, done.stderr
    assert host.path(f"{BACKUPS}/jit").read_text("utf-8") == "off\n"


def test_pruning_keeps_the_newest_good_backups(host: Host) -> None:
    host.settings(KEEP_DAILY=2, RESERVE_MB=0)
    good = []
    for _ in range(3):
        good.append(host.backup().name)
        time.sleep(1)
    assert [path.name for path in host.backups()] == good[1:]
    # What has no manifest takes nobody's place, however new its name is.
    (host.path(f"{BACKUPS}/daily") / "milkbot_20991231_000000.sql.gz").write_bytes(b"x")
    newest = host.backup().name
    assert [path.name for path in host.backups()] == [good[2], newest, "milkbot_20991231_000000.sql.gz"]
    host.settings(KEEP_DAILY=0, RESERVE_MB=0)
    time.sleep(1)
    newest = host.backup().name
    assert [path.name for path in host.backups()] == [newest, "milkbot_20991231_000000.sql.gz"]


def test_two_backups_of_the_same_second_get_two_names(host: Host) -> None:
    first = host.backup()
    at = json.loads(Path(f"{first}.json").read_text("utf-8"))["at"]
    # For the lock's note, and once for the name.
    asked = '[ "$1" = -u ] && { mkdir "$0.1" || mkdir "$0.2"; } 2>/dev/null'
    host.program("date", f'if {asked}; then echo {at}; else exec /usr/bin/date "$@"; fi')
    assert host.backup() != first
    assert len(host.backups()) == 2


def test_a_failed_backup_keeps_the_time_of_the_last_good_one(host: Host) -> None:
    host.backup()
    before = host.state("daily")
    host.program("pigz", "echo 'pigz: no' >&2; exit 1")
    done = host.script("backup-database.sh", "daily")
    assert done.returncode == 1
    after = host.state("daily")
    assert (after["result"], after["file"]) == ("failed", "")
    assert "the dump of milkbot failed" in after["reason"]
    assert (after["last_good_at"], after["last_good_file"]) == (before["last_good_at"], before["last_good_file"])
    assert host.leftovers() == []
    assert len(host.backups()) == 1


def test_a_backup_without_its_directory_is_recorded_as_failed(host: Host) -> None:
    directory = host.path("/var/backups/milkbot/daily")
    directory.rename(directory.with_name("gone"))
    assert host.script("backup-database.sh", "daily").returncode == 1
    after = host.state("daily")
    assert after["result"] == "failed"
    assert "daily is missing; run site.yml --tags user" in after["reason"]


@pytest.mark.parametrize(
    ("program", "body", "sentence"),
    [
        # Each is a pg_dump or a pigz that ends with 0.
        ("pg_dump", '/usr/bin/pg_dump "$@" | head -n 400', "has no end"),
        ("pg_dump", "/usr/bin/pg_dump \"$@\" | sed '0,/^1\\t/{/^1\\t/d}'", "ops.ticks has 4 rows, expected 5 rows"),
        ("pigz", '/usr/bin/pigz "$@" | head -c 3000', "is not a complete dump"),
        ("pigz", "/usr/bin/pigz \"$@\" | sed 's/a/b/g'", "is not a complete dump"),
    ],
)
def test_a_broken_dump_is_discarded(host: Host, program: str, body: str, sentence: str) -> None:
    host.fill(5)
    host.program(program, f"set +o pipefail; {body}")
    done = host.script("backup-database.sh", "daily")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert host.backups() == []
    assert host.leftovers() == []
    assert host.state("daily")["last_good_at"] == ""


def test_a_backup_larger_than_the_free_disk_is_refused(host: Host) -> None:
    host.also = [f"mount -t tmpfs -o size=1m none {BACKUPS}", f"mkdir {BACKUPS}/daily"]
    done = host.script("backup-database.sh", "daily")
    assert done.returncode == 1
    assert re.search(r"daily has 1 MB free and this backup may need \d+ MB", done.stderr)
    assert f"rm {BACKUPS}/.reserve" in done.stderr


def test_a_reserve_of_disk_space_is_kept(host: Host) -> None:
    host.settings(RESERVE_MB=2)
    host.backup()
    reserve = host.path(f"{BACKUPS}/.reserve")
    assert reserve.stat().st_size == 2 << 20
    assert reserve.stat().st_blocks * 512 >= 2 << 20
    host.settings(RESERVE_MB=1)
    time.sleep(1)
    host.backup()
    assert reserve.stat().st_size == 1 << 20


def _hold_lock(host: Host, seconds: str) -> subprocess.Popen[bytes]:
    lock = host.path(f"{BACKUPS}/.lock")
    holder = subprocess.Popen(["flock", lock, "sleep", seconds])
    while subprocess.run(["flock", "--nonblock", lock, "true"], check=False).returncode == 0:
        time.sleep(0.05)
    return holder


def test_a_backup_waits_for_a_running_migration(host: Host) -> None:
    holder = _hold_lock(host, "2")
    done = host.script("backup-database.sh", "daily")
    assert holder.wait() == 0
    assert done.returncode == 0
    assert "waiting for a migration or a restore" in done.stderr


def test_a_backup_gives_up_waiting_for_the_lock(host: Host) -> None:
    host.settings(RESERVE_MB=0, WAIT_SECONDS=1)
    holder = _hold_lock(host, "60")
    try:
        host.path(f"{BACKUPS}/.lock").write_text("backup-database.sh weekly (process 7) since noon\n", "utf-8")
        done = host.script("backup-database.sh", "daily")
    finally:
        holder.kill()
        holder.wait()
    assert done.returncode == 75
    sentence = "backup-database.sh weekly (process 7) since noon did not end within 1 seconds"
    assert sentence in done.stderr
    assert host.state("daily")["reason"] == sentence


def test_a_dump_holds_the_lock_of_migrations(host: Host) -> None:
    take = ("flock", "--nonblock", f"{BACKUPS}/.lock", "touch", f"{BACKUPS}/was-free")
    host.program("runuser", f'case "$*" in *--snapshot*) {" ".join(take)} ;; esac; exec /usr/sbin/runuser "$@"')
    host.backup()
    assert not host.path(f"{BACKUPS}/was-free").exists()
    assert host.run(*take).returncode == 0
    assert host.path(f"{BACKUPS}/was-free").exists()
