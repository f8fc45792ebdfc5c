"""A path that programs of several languages meet at has one value, which a role's variables name."""

from __future__ import annotations

import fcntl
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml
from tests.roles.modules import ask
from tests.roles.rendering import ROOT, evaluate

from milkbot.db.scratch import SET_BY_OWNER
from milkbot.operate.guard import ADDRESS
from milkbot_hostcheck.paths import HEALTH_RESULT, OPERATOR_GROUP

# Only a whole word: not the end of a longer path.
_LITERAL = re.compile(r"(?<![\w}/~*.-])/(?:opt|run|run/lock|etc|var/(?:lib|log|cache|backups))/milkbot[\w./@-]*")
_CODE = ("roles", "deployment", "app", "playbooks")


def _paths_of_the_roles() -> set[str]:
    """Every path that a variable of a role holds."""
    names = [
        name
        for kind in ("vars", "defaults")
        for file in sorted((ROOT / "roles").glob(f"*/{kind}/main.yml"))
        for name, value in yaml.safe_load(file.read_text(encoding="utf-8")).items()
        if re.fullmatch(r"(\{\{ milkbot_\w+ \}\})?/[\w./-]+", str(value))
    ]
    return set(evaluate(f"[{', '.join(names)}]"))


def _literals() -> Iterator[tuple[str, str]]:
    """Where a path is spelled, and which."""
    listed = subprocess.run(
        ["git", "ls-files", "--", *_CODE, ":!*.ico", ":!*.png"], check=True, capture_output=True, text=True, cwd=ROOT
    )
    for name in listed.stdout.splitlines():
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), start=1):
            for found in _LITERAL.findall(line):
                yield f"{name}:{number}", found.rstrip("./")


def test_every_lock_has_one_path() -> None:
    locks = {str(evaluate(f"milkbot_{name}_lock")) for name in ("backup", "deploy", "wal", "health")}
    own = {f"/var/backups/milkbot/.{name}.lock" for name in ("fetch", "offsite", "drill")}
    wrong = [f"{where}: {path}" for where, path in _literals() if _is_lock(path) and path not in locks | own]
    assert not wrong, "\n".join(wrong)


def test_the_way_to_the_operators_page_is_the_same_for_all_who_know_it() -> None:
    way = (ROOT / "bin/operate").read_text(encoding="utf-8")
    _, _, port = ADDRESS.partition(":")
    assert f"http://{ADDRESS}/" in way
    assert f"-L 127.0.0.1:{port}:{evaluate('_systemd_operator_page_socket')} " in way
    assert str(HEALTH_RESULT) == evaluate("milkbot_health_result")
    assert evaluate("milkbot_operator_user") == OPERATOR_GROUP


def _is_lock(path: str) -> bool:
    return path.startswith("/run/lock/") or path.endswith(".lock")


def test_the_roles_that_the_owner_may_set_are_those_that_db_smoke_tries() -> None:
    assert tuple(evaluate("_postgres_set_by_owner")) == SET_BY_OWNER


def test_every_path_without_a_role_is_written_in_one_file() -> None:
    known = _paths_of_the_roles()
    places: dict[str, set[str]] = {}
    for where, path in _literals():
        if not known & {path, *(str(above) for above in Path(path).parents)}:
            places.setdefault(path, set()).add(where.partition(":")[0])
    wrong = {path: files for path, files in places.items() if len(files) > 1}
    assert not wrong, wrong


def test_the_scripts_of_the_backups_hold_the_lock_that_the_roles_name() -> None:
    names = ("backup_dir", "backup_lock", "reserve", "state_dir")
    show = "source deployment/scripts/backup-common.sh; printf '%s\\n' " + " ".join(f'"${name}"' for name in names)
    done = subprocess.run(
        ["bash", "-c", show], check=True, capture_output=True, text=True, cwd=ROOT, env={"scripts": "/nowhere"}
    )
    expected = ("milkbot_backup_dir", "milkbot_backup_lock", "milkbot_backup_reserve", "milkbot_backup_state_dir")
    assert done.stdout.splitlines() == [str(evaluate(name)) for name in expected]


def test_postgresql_is_not_restarted_while_a_dump_holds_the_lock(tmp_path: Path) -> None:
    """What `restart.yml -e postgres=yes` and `upgrade.yml` do to PostgreSQL waits for the lock that a dump holds."""
    lock, taken_away = tmp_path / "lock", tmp_path / "taken-away"
    with lock.open("w") as dump:
        fcntl.flock(dump, fcntl.LOCK_EX)
        answer = ask(
            "systemd/library/interruption.py",
            command=["touch", str(taken_away)],
            service={"name": "milkbot-analytics", "url": "http://127.0.0.1:9/"},
            current=str(tmp_path),
            socket_dir=str(tmp_path),
            backup_lock=str(lock),
            wait=0,
        )
    assert "backup-database.sh still runs" in answer["msg"]
    assert not taken_away.exists()
