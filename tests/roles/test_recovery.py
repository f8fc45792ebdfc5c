"""What a recovery decides before it restores anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.roles.backups import roles
from tests.roles.modules import ask
from tests.roles.rendering import evaluate

NAME = "milkbot_20261125_020000"
GLOBALS = """\
CREATE ROLE milkbot_api;
ALTER ROLE milkbot_api WITH NOSUPERUSER LOGIN;
CREATE ROLE "my watcher";
ALTER ROLE "my watcher" WITH NOSUPERUSER NOLOGIN;
ALTER ROLE milkbot_api SET statement_timeout TO '5s';
GRANT pg_monitor TO "my watcher" GRANTED BY postgres;
GRANT "my watcher" TO milkbot_api WITH INHERIT TRUE GRANTED BY postgres;
GRANT pg_monitor TO milkbot_api GRANTED BY postgres;
CREATE DATABASE milkbot WITH TEMPLATE = template0 ENCODING = 'UTF8';
ALTER DATABASE milkbot OWNER TO milkbot;
\\connect milkbot
ALTER DATABASE milkbot SET work_mem TO '7MB';
ALTER DATABASE milkbot CONNECTION LIMIT = 50;
ALTER ROLE milkbot_api IN DATABASE milkbot SET search_path TO 'analytics';
REVOKE CONNECT,TEMPORARY ON DATABASE milkbot FROM PUBLIC;
GRANT CONNECT ON DATABASE milkbot TO "my watcher";
"""


def _statements(*, properties: bool) -> list[str]:
    return list(roles.statements(GLOBALS.splitlines(keepends=True), {"postgres", "milkbot_api"}, properties=properties))


def test_an_existing_role_is_not_changed_by_a_backup() -> None:
    assert _statements(properties=False) == [
        'CREATE ROLE "my watcher";',
        'ALTER ROLE "my watcher" WITH NOSUPERUSER NOLOGIN;',
        'GRANT pg_monitor TO "my watcher" GRANTED BY postgres;',
        'GRANT "my watcher" TO milkbot_api WITH INHERIT TRUE GRANTED BY postgres;',
    ]


def test_the_databases_own_properties_are_restored_with_it() -> None:
    assert [line for line in _statements(properties=True) if "DATABASE" in line] == GLOBALS.splitlines()[-5:]


def _books(directory: Path, restore_from: str = "offsite") -> dict[str, Any]:
    return ask(
        "recovery/library/recovery_books.py",
        database="milkbot",
        socket_dir=str(directory / "run"),
        begun=str(directory / "recovery.json"),
        history=str(directory / "deploys.jsonl"),
        restore_from=restore_from,
    )


def test_a_machine_without_postgresql_counts_as_empty(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"stored": [], "restored": [], "recorded": [], "begun": ""}
    assert _books(tmp_path).items() >= nothing.items()


def test_a_killed_restore_is_resumed_with_the_same_backup(tmp_path: Path) -> None:
    (tmp_path / "recovery.json").write_text(json.dumps({"restore_from": "offsite", "file": f"/b/{NAME}.sql.gz"}))
    assert _books(tmp_path)["begun"] == f"/b/{NAME}.sql.gz"
    assert _books(tmp_path, "/mnt/other.sql.gz")["begun"] == ""
    (tmp_path / "recovery.json").write_text('{"restore_from": "off')
    assert _books(tmp_path)["begun"] == ""


def test_a_restore_is_recorded_once(tmp_path: Path) -> None:
    lines = [
        {"action": "restore", "result": "good", "backup": f"/b/{NAME}.sql.gz"},
        {"action": "restore", "result": "failed", "backup": "other.sql.gz"},
        {"action": "update", "result": "good"},
    ]
    (tmp_path / "deploys.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"action": "res')
    assert _books(tmp_path)["recorded"] == [f"{NAME}.sql.gz"]


def _done(restore_from: str, *, restored: list[str], begun: str = "") -> bool:
    books = {"restored": restored, "begun": begun, "stored": ["ops.ticks"], "recorded": []}
    return bool(evaluate("_recovery_done", recovery_from=restore_from, __recovery_books=books))


@pytest.mark.parametrize(
    ("restore_from", "begun", "done"),
    [
        ("offsite", f"/var/backups/milkbot/daily/{NAME}.sql.gz", True),
        ("offsite", "", False),
        ("offsite", "/var/backups/milkbot/daily/milkbot_20261126_020000.sql.gz", False),
        (f"offsite:daily/{NAME}.tar.age", "", True),
        (f"offsite:weekly/{NAME}.tar", "", True),
        ("offsite:daily/milkbot_20261126_020000.tar.age", "", False),
        (f"/mnt/usb/{NAME}.sql.gz", "", True),
        ("/mnt/usb/milkbot_20261126_020000.sql.gz", "", False),
    ],
)
def test_a_backup_is_restored_exactly_once(restore_from: str, begun: str, *, done: bool) -> None:
    assert _done(restore_from, restored=[f"{NAME}.sql.gz"], begun=begun) is done
    assert _done(restore_from, restored=[], begun=begun) is False


@pytest.mark.parametrize(
    ("restore_from", "recipients", "encrypted"),
    [
        ("offsite", ["age1x"], True),
        ("offsite", [], False),
        (f"offsite:daily/{NAME}.tar.age", ["age1x"], True),
        (f"offsite:daily/{NAME}.tar", ["age1x"], False),
        (f"/mnt/usb/{NAME}.sql.gz", ["age1x"], False),
    ],
)
def test_an_identity_is_required_for_encrypted_backups_alone(
    restore_from: str, recipients: list[str], *, encrypted: bool
) -> None:
    given = {"recovery_from": restore_from, "backup_age_recipients": recipients}
    assert evaluate("_recovery_encrypted", **given) is encrypted


def test_an_identity_is_never_in_the_process_list() -> None:
    secret = "AGE-SECRET-KEY-1TEST"
    given = {"recovery_from": f"offsite:daily/{NAME}.tar.age", "recovery_age_identity_secret": secret}
    words = evaluate("_recovery_fetch", **given)
    assert words[1:] == ["--identity", "-", f"daily/{NAME}.tar.age"]
    assert secret not in " ".join(words)
