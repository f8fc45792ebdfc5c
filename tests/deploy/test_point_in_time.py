"""restore-to-time.sh, and the archive behind it, on a machine that trades."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.deploy.platform import Platform, said

SCRIPTS = "/opt/milkbot/deployment/scripts"
REPOSITORY = "/var/backups/milkbot-wal"
SIDE = "/var/lib/postgresql/*/milkbot-at-time"
STATE = "/var/lib/milkbot-backup/pgbackrest.json"
SERVER = "'postgresql@*-main.service'"  # systemctl adds no suffix to a pattern

# Stands before runuser in the path of root's scripts: what it should run waits for ever when it holds the word.
STOP = """\
#!/bin/sh
case "$*" in *"$(cat /run/test-stop)"*) touch /run/test-stopped; sleep 600 ;; esac
exec /usr/sbin/runuser "$@"
"""
MOMENTS = {
    "the backup is restored": "--type=time",
    "the WAL is replayed": "--no-wait",
    "the cluster is checked": "pg_amcheck",
    "the database is dumped": "pg_dump",
    "the second cluster is removed": "--mode=immediate",
    "the database is swapped": "--dbname=milkbot_restore",
}


def _sql(platform: Platform, query: str, database: str = "milkbot") -> str:
    return platform.ssh(f"cd / && runuser -u postgres -- psql -XqAt {database} -c {shlex.quote(query)}")


def _now(platform: Platform) -> str:
    """A full second after all that was committed before, and before all that comes."""
    return platform.ssh("sleep 1; date -u '+%F %T+00'")


def _said_by(platform: Platform, command: str, code: int = 1) -> str:
    """What a command says that has to end with that code."""
    return platform.ssh(f'said=$({command} 2>&1 </dev/null); code=$?; [ $code = {code} ] && echo "$said"')


def _state(platform: Platform) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(platform.ssh(f"cat {STATE}"))
    return found


def _leftovers(platform: Platform) -> str:
    return platform.ssh(
        f"ls -d {SIDE} 2>/dev/null; ls -A /var/backups/milkbot/to-time; pgrep -u postgres -fa milkbot-at-time || true"
    )


@pytest.fixture(scope="module", autouse=True)
def _a_backup(platform: Platform) -> None:
    """What the first provisioning began may not have ended yet."""
    platform.ssh(f"until [ -s {STATE} ] && [ $(systemctl is-active milkbot-wal@full) = inactive ]; do sleep 1; done")


@pytest.fixture
def moment(platform: Platform) -> Iterator[str]:
    """A second at which there was a table, which was dropped in the next one; and what came after it."""
    _sql(platform, "CREATE TABLE ops.keepsake AS SELECT generate_series(1, 1000) AS id")
    found = _now(platform)
    _sql(platform, "DROP TABLE ops.keepsake; CREATE TABLE ops.afterwards AS SELECT 1 AS id")
    yield found
    _sql(platform, "DROP TABLE IF EXISTS ops.keepsake, ops.afterwards")
    platform.ssh("milkbot resume --reason 'the test is over'")


def _tables(platform: Platform) -> str:
    """Of the two the names and the rows."""
    query = (
        "SELECT relname, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %s', oid::regclass), "
        "false, true, '')))[1] FROM pg_class WHERE relname IN ('keepsake', 'afterwards')"
    )
    return _sql(platform, query)


def test_a_dropped_table_comes_back_at_the_moment_of_the_restore(platform: Platform, moment: str) -> None:
    before = platform.state()
    began = time.monotonic()
    command = shlex.quote(f"{SCRIPTS}/restore-to-time.sh '{moment}'")
    done = platform.ssh(f"echo yes | script --quiet --return --command {command} /dev/null").replace("\r", "")
    print(f"{time.monotonic() - began:.0f} seconds\n{done}")
    assert re.search(r"^ops\.afterwards +1 +0 +1$", done, flags=re.MULTILINE)
    assert re.search(r"^ops\.keepsake +0 +1000 +-1000$", done, flags=re.MULTILINE)
    assert _tables(platform) == "keepsake|1000"
    trading = "SELECT state FROM ops.trading_states WHERE trading_mode = 'demo' ORDER BY id DESC LIMIT 1"
    assert _sql(platform, trading) == "halted"
    assert platform.state() == before
    assert _leftovers(platform) == ""
    entry = platform.history()[-1]
    assert (entry["action"], entry["result"], entry["reason"]) == ("restore", "good", f"to {moment}")


@pytest.mark.matrix
def test_a_restore_without_confirmation_changes_nothing(platform: Platform, moment: str) -> None:
    before = platform.state()
    refused = _said_by(platform, f"{SCRIPTS}/restore-to-time.sh '{moment}'")
    assert "nobody said yes" in refused
    assert "afterwards|1" in _tables(platform)
    assert platform.state() == before
    (kept,) = re.findall(r"(\S+\.sql\.gz) is kept", refused)
    assert platform.ssh(f"{SCRIPTS}/inspect-backup.py --check {kept}; echo $?; rm {kept}*") == "0"


@pytest.mark.matrix
def test_a_moment_outside_the_archive_is_refused(platform: Platform) -> None:
    before, history = platform.state(), platform.history()
    for target in ("2020-01-01 00:00:00+00", "2099-01-01 00:00:00+00"):
        refused = _said_by(platform, f"{SCRIPTS}/restore-to-time.sh --yes '{target}'")
        assert f"{target} cannot be restored; what can be restored is from 20" in refused
    refused = _said_by(platform, f"{SCRIPTS}/restore-to-time.sh --yes '2026-01-01 00:00:00'", code=2)
    assert "'2026-01-01 00:00:00' is no time with a zone" in refused
    assert platform.state() == before
    assert platform.history() == history


@contextmanager
def _closed(platform: Platform) -> Iterator[None]:
    """Nothing can be written to the repository."""
    platform.ssh(f"mv {REPOSITORY} {REPOSITORY}.away; install -m 0500 -o postgres -d {REPOSITORY}")
    try:
        yield
    finally:
        platform.ssh(f"rmdir {REPOSITORY} && mv {REPOSITORY}.away {REPOSITORY}")


def test_a_failing_archive_is_recorded_and_writing_continues(platform: Platform) -> None:
    failing = "SELECT last_failed_time > last_archived_time FROM pg_stat_archiver"
    with _closed(platform):
        _sql(platform, "SELECT pg_current_xact_id(); SELECT pg_switch_wal()")
        platform.ssh(
            "cd /; until runuser -u postgres -- psql -XqAt -c 'SELECT last_failed_time > last_archived_time "
            "FROM pg_stat_archiver' | grep -q t; do sleep 0.5; done"
        )
        waiting = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
        assert int(_sql(platform, waiting)) >= 1
        _said_by(platform, f"{SCRIPTS}/wal-backup.sh incr")
        state = _state(platform)
        assert (state["result"], state["jobs"]["incr"]["result"]) == ("failed", "failed")
        assert state["reason"].startswith("incr: repository 1: ERROR:")
        assert state["last_good_at"] < state["at"]
        _sql(platform, "CREATE TABLE ops.goes_on (id int); DROP TABLE ops.goes_on")
    platform.ssh(f"{SCRIPTS}/wal-backup.sh incr")
    assert _sql(platform, failing) == "f"
    assert (_state(platform)["result"], _state(platform)["reason"]) == ("good", "")


def _flip(path: str) -> str:
    """A command that changes one byte in the middle of a file."""
    return (
        f"path=$(ls -S {path} | head -n 1) && cp -a $path /root/kept && at=$(($(stat -c %s $path) / 2)) && "
        "byte=$(od -An -tu1 -j $at -N 1 $path) && "
        'printf "\\\\$(printf %o $((byte ^ 1)))" | dd of=$path bs=1 seek=$at conv=notrunc status=none && echo $path'
    )


@pytest.mark.matrix
@pytest.mark.parametrize("what", ["backup/milkbot/*F/pg_data/base/*/*.zst", "archive/milkbot/*/*/*-*.zst"])
def test_verify_finds_a_flipped_byte_in_the_repository(platform: Platform, what: str) -> None:
    path = platform.ssh(_flip(f"{REPOSITORY}/{what}"))
    try:
        _said_by(platform, f"{SCRIPTS}/wal-backup.sh verify")
        state = _state(platform)
    finally:
        platform.ssh(f"cp -a /root/kept {path}")
    assert state["result"] == "failed"
    assert path.rpartition("/")[2] in state["reason"]
    platform.ssh(f"{SCRIPTS}/wal-backup.sh verify")
    assert _state(platform)["result"] == "good"


@pytest.mark.matrix
def test_verify_finds_missing_wal_and_a_restore_over_it_is_refused(platform: Platform) -> None:
    for _ in range(3):
        _sql(platform, "SELECT pg_current_xact_id(); SELECT pg_switch_wal()")
    platform.ssh("sleep 2")
    path = platform.ssh(f"ls {REPOSITORY}/archive/milkbot/*/*/*-*.zst | tail -n 2 | head -n 1")
    platform.ssh(f"mv {path} /root/kept")
    try:
        found = _said_by(platform, f"{SCRIPTS}/wal-backup.sh verify")
        refused = _said_by(platform, f"{SCRIPTS}/restore-to-time.sh --yes \"$(date -u '+%F %T+00')\"")
    finally:
        platform.ssh(f"mv /root/kept {path}")
    assert "WAL is missing behind backup" in found
    assert "cannot be restored" in refused
    platform.ssh(f"{SCRIPTS}/wal-backup.sh verify")


# PostgreSQL gets the answer that it was archived, so that the disk does not fill: it may be lost, but not unseen.
@pytest.mark.matrix
def test_verify_finds_dropped_wal_and_the_next_backup_covers_it(platform: Platform) -> None:
    platform.ssh("sed -i 's/^archive-push-queue-max=.*/archive-push-queue-max=40MB/' /etc/pgbackrest/pgbackrest.conf")
    try:
        with _closed(platform):
            for _ in range(8):
                _sql(platform, "SELECT pg_current_xact_id(); SELECT pg_switch_wal()")
            platform.ssh("sleep 15")
            assert int(_sql(platform, "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")) <= 3
        _sql(platform, "SELECT pg_current_xact_id(); SELECT pg_switch_wal()")
        platform.ssh("sleep 5")
        found = _said_by(platform, f"{SCRIPTS}/wal-backup.sh verify")
        assert "WAL is missing behind backup" in found
        platform.ssh(f"{SCRIPTS}/wal-backup.sh incr")
        platform.ssh(f"{SCRIPTS}/wal-backup.sh verify")
        assert len(platform.ssh(f"{SCRIPTS}/point-in-time.py").splitlines()) >= 2
    finally:
        assert platform.play("site.yml", "--tags", "pgbackrest").returncode == 0


@contextmanager
def _stopped_when(platform: Platform, word: str, target: str) -> Iterator[str]:
    """A restore on the host that waits for ever before that command, in a unit of its own; yields its process."""
    platform.ssh(
        f"rm -f /run/test-stopped; printf %s {shlex.quote(word)} >/run/test-stop; "
        f"printf %s {shlex.quote(STOP)} >/usr/local/sbin/runuser; chmod 755 /usr/local/sbin/runuser; "
        f"systemd-run --quiet --collect --property=KillMode=process {SCRIPTS}/restore-to-time.sh --yes '{target}'"
    )
    try:
        platform.ssh("timeout 600 sh -c 'until [ -e /run/test-stopped ]; do sleep 0.2; done'")
        yield str(json.loads(platform.ssh("cat /run/lock/milkbot-deploy.json"))["pid"])
    finally:
        platform.ssh("rm -f /usr/local/sbin/runuser /run/test-stop /run/test-stopped")


@pytest.mark.matrix
@pytest.mark.parametrize("when", MOMENTS)
def test_a_killed_restore_is_completed_by_the_next(platform: Platform, moment: str, when: str) -> None:
    before = platform.state()
    with _stopped_when(platform, MOMENTS[when], moment) as process:
        # Its children live on, as they do when only the script is killed.
        platform.ssh(f"kill -9 {process}")
    assert "afterwards|1" in _tables(platform)
    again = platform.ssh(f"{SCRIPTS}/restore-to-time.sh --yes '{moment}' 2>&1")
    assert "passes to this run: its owner, restore-to-time.sh" in again
    assert _tables(platform) == "keepsake|1000"
    assert platform.state() == before
    assert _leftovers(platform) == ""


@pytest.mark.matrix
def test_an_interrupted_restore_changes_nothing_and_is_recorded_as_failed(platform: Platform, moment: str) -> None:
    before = platform.state()
    with _stopped_when(platform, MOMENTS["the cluster is checked"], moment) as process:
        platform.ssh(f"systemctl stop $(ps -o unit= {process})")
    assert platform.state() == before
    assert "afterwards|1" in _tables(platform)
    assert platform.ssh(f"ls -d {SIDE} 2>/dev/null; pgrep -u postgres -fa milkbot-at-time || true") == ""
    assert platform.history()[-1]["result"] == "failed"


@pytest.mark.matrix
def test_a_lost_cluster_is_restored_with_less_than_a_minute_of_loss(platform: Platform) -> None:
    _sql(platform, "CREATE TABLE ops.beats (at timestamptz)")
    beat = "while echo 'INSERT INTO ops.beats VALUES (clock_timestamp());'; do sleep 0.1; done"
    platform.ssh(
        "systemd-run --quiet --collect --unit=test-beats sh -c "
        + shlex.quote(f"cd /; ({beat}) | runuser -u postgres -- psql -Xq milkbot")
    )
    # When the most is lost: just before the next archiving.
    age = "SELECT (now() - last_archived_time) >= interval '28 s' FROM pg_stat_archiver"
    psql = f"runuser -u postgres -- psql -XqAtc {shlex.quote(age)}"
    platform.ssh(f"cd /; sleep 40; timeout 600 sh -c {shlex.quote(f'until {psql} | grep -q t; do sleep 0.1; done')}")
    lost_at = platform.ssh(
        f"systemctl kill -s KILL {SERVER}; date +%s.%N; rm -rf /var/lib/postgresql/*/main/pg_wal; "
        "systemctl stop test-beats"
    )
    began = time.monotonic()
    try:
        print(platform.ssh(f"{SCRIPTS}/restore-to-time.sh --cluster --yes 2>&1"))
        seconds = time.monotonic() - began
        lost = float(_sql(platform, f"SELECT {lost_at} - extract(epoch FROM max(at)) FROM ops.beats"))
    finally:
        platform.ssh("rm -rf /var/lib/postgresql/*/main.lost_*")
    print(f"{lost:.1f} seconds of commits are lost; the cluster was back after {seconds:.0f} seconds")
    assert lost < 60
    _sql(platform, "DROP TABLE ops.beats")
    platform.ssh("until [ $(systemctl is-active milkbot-wal@full) = inactive ]; do sleep 1; done")
    # The new history goes on in the archive.
    platform.ssh(f"{SCRIPTS}/wal-backup.sh verify")
    platform.ssh("milkbot resume --reason 'the test is over'")


# Between the renames there is no cluster, and what was restored is all there is.
@pytest.mark.matrix
@pytest.mark.parametrize("when", ["no cluster", "not started"])
def test_a_cluster_restore_killed_while_it_swaps_is_completed_by_the_next(platform: Platform, when: str) -> None:
    data = platform.ssh("ls -d /var/lib/postgresql/*/main")
    side = f"{data.removesuffix('main')}milkbot-at-time"
    _sql(platform, "CREATE TABLE ops.keepsake AS SELECT 1 AS id")
    # As the script leaves it there: its mark, its word, and the directory on one side or the other.
    platform.ssh(
        f"systemctl stop {SERVER}; install -d -m 0700 -o postgres {side}; touch {side}/mark; echo last >{side}/ready"
    )
    if when == "no cluster":
        platform.ssh(f"mv {data} {side}/data")
    refused = _said_by(platform, f"{SCRIPTS}/restore-to-time.sh '2026-01-01 00:00:00+00'")
    assert "to finish it, run: restore-to-time.sh --cluster" in refused
    again = platform.ssh(f"{SCRIPTS}/restore-to-time.sh --cluster --yes 2>&1")
    assert "this run finishes it" in again
    assert _sql(platform, "SELECT id FROM ops.keepsake") == "1"
    assert platform.ssh(f"ls -d {side} {data}.lost_* 2>/dev/null || true") == ""
    _sql(platform, "DROP TABLE ops.keepsake")
    platform.ssh("until [ $(systemctl is-active milkbot-wal@full) = inactive ]; do sleep 1; done")


@pytest.mark.matrix
def test_a_restore_reads_from_the_second_repository(platform: Platform) -> None:
    given = {
        "pgbackrest_second_repository": {"type": "posix", "path": "/var/backups/milkbot-second"},
        "pgbackrest_second_repository_secrets": {"cipher-pass": "a-long-word-that-nobody-may-see"},
    }
    platform.ssh("install -d -m 0700 -o postgres /var/backups/milkbot-second")
    try:
        made = platform.play("site.yml", "--tags", "pgbackrest", "--diff", **given)
        assert made.returncode == 0, said(made)
        assert "nobody-may-see" not in said(made)
        platform.ssh("until [ $(systemctl is-active milkbot-wal@full) = inactive ]; do sleep 1; done")
        platform.ssh(f"{SCRIPTS}/wal-backup.sh verify")
        _sql(platform, "CREATE TABLE ops.of_the_second AS SELECT 1 AS id")
        target = _now(platform)
        _sql(platform, "DROP TABLE ops.of_the_second")
        platform.ssh(f"mv {REPOSITORY}/backup {REPOSITORY}/backup.away")
        try:
            dumped = platform.ssh(f"{SCRIPTS}/restore-to-time.sh --repo 2 --dump-only '{target}'")
        finally:
            platform.ssh(f"mv {REPOSITORY}/backup.away {REPOSITORY}/backup")
        assert "CREATE TABLE ops.of_the_second" in platform.ssh(f"gunzip --stdout {dumped}")
        assert platform.ssh(f"{SCRIPTS}/inspect-backup.py --check {dumped}; echo $?") == "0"
    finally:
        platform.ssh("rm -f /var/backups/milkbot/to-time/*")
        back = platform.play("site.yml", "--tags", "pgbackrest")
        platform.ssh("rm -rf /var/backups/milkbot-second")
    assert back.returncode == 0, said(back)


@pytest.mark.matrix
def test_archiving_stops_when_it_is_switched_off_and_resumes_when_on(platform: Platform) -> None:
    off = platform.play("site.yml", "--tags", "pgbackrest", pgbackrest_enabled=False)
    try:
        assert off.returncode == 0, said(off)
        assert _sql(platform, "SHOW archive_mode") == "off"
        assert platform.ssh("systemctl list-units --plain --no-legend --state=active 'milkbot-wal-*.timer'") == ""
        again = platform.play("site.yml", "--tags", "pgbackrest", pgbackrest_enabled=False)
        assert "changed=0 " in said(again)
        refused = _said_by(platform, f"{SCRIPTS}/restore-to-time.sh '2026-01-01 00:00:00+00'")
        assert "pgbackrest_enabled" in refused
    finally:
        on = platform.play("site.yml", "--tags", "pgbackrest")
    assert on.returncode == 0, said(on)
    assert _sql(platform, "SHOW archive_mode") == "on"
    assert platform.ssh("systemctl is-active milkbot-trader.timer") == "active"
    platform.ssh("sleep 1; until [ $(systemctl is-active milkbot-wal@full) = inactive ]; do sleep 1; done")
    platform.ssh(f"{SCRIPTS}/wal-backup.sh incr && {SCRIPTS}/wal-backup.sh verify")


# A run that was killed between two steps is ended by the next one, which need not write anything for it.
@pytest.mark.matrix
def test_the_next_run_applies_settings_that_an_interrupted_run_wrote(platform: Platform) -> None:
    conf = "/etc/postgresql/*/main/conf.d/milkbot-archiving.conf"
    platform.ssh(f"kept=$(ls {conf}); mv $kept /root/kept; systemctl restart {SERVER}; mv /root/kept $kept")
    assert _sql(platform, "SHOW archive_mode") == "off"
    done = platform.play("site.yml", "--tags", "pgbackrest")
    assert done.returncode == 0, said(done)
    assert _sql(platform, "SHOW archive_mode") == "on"
    platform.ssh(f"{SCRIPTS}/wal-backup.sh incr")
