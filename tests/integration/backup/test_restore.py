"""restore-database.sh, on a real database: what it brings back, and what it leaves alone."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pwd
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests.integration.backup.host import BACKUPS, Host
from tests.roles.rendering import render

from milkbot.db.migrate import alembic_config, head_revision

HEAD = head_revision(alembic_config(None))
DAMAGED = f"{BACKUPS}/daily/milkbot_20260101_000000.sql.gz"


def _halted(host: Host) -> set[str]:
    newest = "SELECT DISTINCT ON (trading_mode) trading_mode || ' ' || state FROM ops.trading_states"
    return set(host.ask(f"{newest} ORDER BY trading_mode, id DESC"))


def test_a_restore_brings_back_the_backup_and_halts_every_mode(host: Host) -> None:
    host.fill(40)
    backup = host.backup()
    host.ask("ALTER DATABASE milkbot SET work_mem = '7MB'", "postgres")
    host.ask("ALTER ROLE milkbot_api IN DATABASE milkbot SET search_path = analytics, public", "postgres")
    host.ask("CREATE ROLE watcher; GRANT CONNECT ON DATABASE milkbot TO watcher", "postgres")
    try:
        host.fill(2)
        before = host.checksums()["oid"]
        done = host.script("restore-database.sh", f"{BACKUPS}/daily/{backup.name}")
        assert done.returncode == 0, done.stderr
        assert host.ask("SELECT count(*) FROM ops.ticks") == ["40"]
        assert host.checksums()["oid"] != before
        assert _halted(host) == {"shadow halted", "demo halted", "live halted"}
        assert host.ask("SHOW work_mem") == ["7MB"]
        settings = host.ask("SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 'milkbot_api'::regrole")
        assert set(settings) == {"search_path=analytics, public"}
        roles = "(VALUES ('watcher'), ('pg_monitor')) AS roles (role)"
        may = host.ask(f"SELECT has_database_privilege(role, 'milkbot', 'CONNECT') FROM {roles}")
        assert may == ["t", "f"]
        assert host.ask("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'") == ["0"]
        kept = next(name for name in host.databases() if name.startswith("milkbot_old_"))
        assert f"restore-database.sh --swap-back {kept}" in done.stderr

        back = host.script("restore-database.sh", "--swap-back", kept)
        assert back.returncode == 0, back.stderr
        assert host.checksums()["oid"] == before
        assert host.ask("SELECT count(*) FROM ops.ticks") == ["42"]
        assert _halted(host) == {"shadow halted", "demo halted", "live halted"}
        assert len(host.databases()) == 3
    finally:
        host.ask("DROP OWNED BY watcher", "milkbot")
        for name in host.databases():
            host.ask(f"REVOKE CONNECT ON DATABASE {name} FROM watcher", "postgres")
        host.ask("DROP ROLE watcher", "postgres")


def test_a_new_host_recovers_data_roles_and_settings_and_is_halted(host: Host) -> None:
    host.fill(40)
    owner = "ALTER ROLE watcher PASSWORD 'do-not-tell' CONNECTION LIMIT 7"
    host.ask(f"CREATE ROLE watcher LOGIN; {owner}; GRANT pg_monitor TO watcher", "postgres")
    try:
        host.ask(
            "GRANT CONNECT ON DATABASE milkbot TO watcher; ALTER DATABASE milkbot SET work_mem = '7MB'", "postgres"
        )
        host.ask("GRANT SELECT ON ops.ticks TO watcher")
        backup = f"{BACKUPS}/daily/{host.backup().name}"
        # As the role postgres leaves a new one: its schemas are there, and no table.
        host.ask("DROP DATABASE milkbot", "postgres")
        host.ask("DROP ROLE watcher", "postgres")
        host.ask("CREATE DATABASE milkbot OWNER milkbot TEMPLATE template0", "postgres")
        host.ask("CREATE SCHEMA ops AUTHORIZATION milkbot")
        # Nor are there timers.
        host.program("systemctl", '[ "$1" != stop ] || { echo "Unit not loaded" >&2; exit 5; }')
        done = host.script("restore-database.sh", backup)
        assert done.returncode == 0, done.stderr
        assert host.ask("SELECT count(*) FROM ops.ticks") == ["40"]
        assert _halted(host) == {"shadow halted", "demo halted", "live halted"}
        assert host.ask("SHOW work_mem") == ["7MB"]
        may = "has_database_privilege(oid, 'milkbot', 'CONNECT'), has_table_privilege(oid, 'ops.ticks', 'SELECT')"
        of = "rolconnlimit, rolcanlogin, pg_has_role(oid, 'pg_monitor', 'MEMBER')"
        role = f"SELECT ROW({may}, {of}) FROM pg_roles WHERE rolname = 'watcher'"
        assert host.ask(role) == ["(t,t,7,t,t)"]
        # What was empty is not what anybody goes back to.
        assert host.databases() == {"milkbot", "milkbot_template"}
        assert "--swap-back" not in done.stderr
    finally:
        host.ask("DROP OWNED BY watcher; DROP ROLE watcher")


def test_swapping_back_to_another_schema_is_refused(host: Host) -> None:
    backup = host.backup()
    assert host.script("restore-database.sh", f"{BACKUPS}/daily/{backup.name}").returncode == 0
    kept = next(name for name in host.databases() if name.startswith("milkbot_old_"))
    host.ask("UPDATE ops.alembic_version SET version_num = '0007'", kept)
    before, databases = host.checksums(), host.databases()
    done = host.script("restore-database.sh", "--swap-back", kept)
    assert done.returncode == 1
    assert "go back in the code first" in done.stderr
    gone = host.script("restore-database.sh", "--swap-back", "milkbot_old_20200101_000000")
    assert "there is no database milkbot_old_20200101_000000" in gone.stderr
    wrong = host.script("restore-database.sh", "--swap-back", "postgres")
    assert wrong.returncode == 2
    assert (host.checksums(), host.databases()) == (before, databases)


def _forge(host: Host, backup: Path, change: Callable[[bytes], bytes], **fields: Any) -> Path:
    """Another backup, made of this one's text, with a manifest that fits but for these fields."""
    path = host.path(DAMAGED)
    path.write_bytes(gzip.compress(change(gzip.decompress(backup.read_bytes()))))
    manifest = json.loads(backup.with_name(backup.name + ".json").read_text("utf-8"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest |= {"file": path.name, "bytes": path.stat().st_size, "sha256": digest, **fields}
    path.with_name(path.name + ".json").write_text(json.dumps(manifest), "utf-8")
    return path


def _schema(revision: str) -> Callable[[bytes], bytes]:
    return lambda sql: sql.replace(
        b"FROM stdin;\n" + HEAD.encode() + b"\n", b"FROM stdin;\n" + revision.encode() + b"\n"
    )


def _shorter(lines: int) -> Callable[[bytes], bytes]:
    return lambda sql: b"".join(sql.splitlines(keepends=True)[:-lines])


def _cut(tenth: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, path.stat().st_size * tenth // 10)


def _flip(block: int) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        whole = bytearray(path.read_bytes())
        whole[min(block * 4096 + 2048, len(whole) - 1)] ^= 1
        path.write_bytes(whole)

    return flip


def _damages(host: Host, backup: Path) -> Iterator[tuple[str, str]]:
    """Makes each damaged backup, and says what it is and the sentence that it has to be refused with."""
    for tenth in range(10):
        _cut(tenth)(_forge(host, backup, lambda sql: sql))
        yield f"cut at {tenth} tenths", "is empty" if tenth == 0 else "is not a complete dump: it has"
    blocks = range(-(-_forge(host, backup, lambda sql: sql).stat().st_size // 4096))
    assert len(blocks) > 5
    for block in blocks:
        _flip(block)(_forge(host, backup, lambda sql: sql))
        yield f"a flipped byte in block {block}", "daily/milkbot_20260101_000000.sql.gz"
    whole = json.loads(backup.with_name(backup.name + ".json").read_text("utf-8"))
    for lines in (8, 100, 1000):
        _forge(host, backup, _shorter(lines))
        yield f"{lines} lines less, before it was compressed", "it was cut before it was compressed"
    _forge(host, backup, lambda sql: sql, file=backup.name)
    yield "the manifest of another file", f"is the manifest of {backup.name}"
    _forge(host, backup, lambda sql: sql, tables={**whole["tables"], "ops.ticks": 7})
    yield "a manifest of other rows", "ops.ticks has 300 rows, expected 7 rows"
    _forge(host, backup, lambda sql: sql, database="shop")
    yield "another database by its manifest", "of the database shop"
    _forge(host, backup, lambda sql: sql.replace(b"COPY ops.alembic_version", b"COPY ops.other_version"))
    yield "another database by what it holds", "is a dump of another database"
    _forge(host, backup, _schema("0999"), schema="0999")
    yield "a newer schema", "holds the schema 0999, which release r1 does not know"
    _forge(host, backup, _schema("0007"), schema="0007")
    yield "an older schema", "--upgrade-by /opt/milkbot/current/venv/bin/milkbot"
    path = _forge(host, backup, lambda sql: sql)
    path.with_name(path.name + ".json").unlink()
    yield "no manifest", "--foreign"
    path.unlink()
    yield "no file", "cannot be read"


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.matrix)])
def test_a_damaged_backup_changes_nothing(host: Host, every: int) -> None:
    host.fill(300, "md5(random()::text) || md5(random()::text) || md5(random()::text)")
    backup = host.backup()
    before, databases = host.checksums(), host.databases()
    for what, sentence in islice(_damages(host, backup), 0, None, every):
        done = host.script("restore-database.sh", DAMAGED)
        assert done.returncode == 1, (what, done.stderr)
        assert sentence in done.stderr, (what, done.stderr)
        assert (host.checksums(), host.databases()) == (before, databases), what
    assert host.script("restore-database.sh", f"{BACKUPS}/daily/{backup.name}").returncode == 0


# The release's own command, which migrates what the environment names.
MIGRATE = f"""#!/bin/bash
echo "$POSTGRES_DB $*" >>/opt/milkbot/migrated
psql -qh "$POSTGRES_HOST" -U milkbot -c "UPDATE ops.alembic_version SET version_num = '{HEAD}'" "$POSTGRES_DB"
"""


def test_an_older_backup_is_migrated_before_clients_may_connect(host: Host) -> None:
    host.fill(5)
    _forge(host, host.backup(), _schema("0007"), schema="0007")
    above = host.root / "etc-above"
    above.mkdir(exist_ok=True)
    # Whose number may enter the directory of the test's socket.
    postgres = pwd.getpwnam("postgres")
    user = f"milkbot-owner:x:{postgres.pw_uid}:{postgres.pw_gid}::/opt/milkbot:/usr/sbin/nologin\n"
    (above / "passwd").write_text(Path("/etc/passwd").read_text("utf-8") + user, "utf-8")
    program = host.path("/opt/milkbot/releases/r1/venv/bin/milkbot")
    program.parent.mkdir(parents=True)
    program.write_text(MIGRATE, "utf-8")
    program.chmod(0o755)
    migrated = host.path("/opt/milkbot/migrated")
    migrated.touch()
    migrated.chmod(0o666)
    command = ("restore-database.sh", "--upgrade-by", "/opt/milkbot/current/venv/bin/milkbot", DAMAGED)
    done = host.script(*command)
    assert done.returncode == 0, done.stderr
    assert host.revision() == HEAD
    name, *words = migrated.read_text("utf-8").split()
    assert words == ["db", "upgrade"]
    # By the host's socket, where pg_hba.conf names each database.
    rules = [line.split()[:3] for line in render("postgres/pg_hba.conf.j2").splitlines()]
    assert ["local", name, "milkbot"] in rules


def test_a_foreign_backup_can_be_restored_on_request(host: Host) -> None:
    host.fill(5)
    path = _forge(host, host.backup(), lambda sql: sql)
    path.with_name(path.name + ".json").unlink()
    done = host.script("restore-database.sh", "--foreign", DAMAGED)
    assert done.returncode == 0, done.stderr
    _cut(5)(path)
    before = host.checksums()
    done = host.script("restore-database.sh", "--foreign", DAMAGED)
    assert done.returncode == 1
    assert "as a gzip file it is broken" in done.stderr
    assert host.checksums() == before


@pytest.mark.parametrize(
    ("program", "body", "sentence"),
    [
        # What is filled in is another thing than the file that was checked.
        ("gunzip", "/usr/bin/gunzip \"$@\" | sed '0,/^1\\t/{/^1\\t/d}'", "ops.ticks has 4 rows, expected 5 rows"),
        ("gunzip", '/usr/bin/gunzip "$@" | sed s/ix_fills_mode_day/ix_ticks_mode_started/', "could not be restored"),
        ("df", "echo Avail; echo 1000000", "the restored database needs"),
    ],
)
def test_a_restore_that_fails_changes_nothing(host: Host, program: str, body: str, sentence: str) -> None:
    host.fill(5)
    backup = host.backup()
    host.program(program, body)
    before, databases = host.checksums(), host.databases()
    done = host.script("restore-database.sh", f"{BACKUPS}/daily/{backup.name}")
    assert done.returncode == 1, done.stderr
    assert sentence in done.stderr
    assert "nothing was changed" in done.stderr
    assert (host.checksums(), host.databases()) == (before, databases)
    assert host.run("ls", "/run/lock/milkbot-deploy.json").returncode != 0
