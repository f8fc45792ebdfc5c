"""Ansible module: PostgreSQL runs with what its files say."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_loaded import (
    POSTGRES_FACTS,
    POSTGRES_OPTIONS,
    PSQL,
    SHOW,
    Postgres,
    moment,
    not_read_by_systemd,
    own_files,
    set_back,
    units,
    unread,
)

DOCUMENTATION = r"""
module: postgres_loaded
short_description: Have PostgreSQL run with what its files say
description:
  - Compares what the server runs with what its files say now, whoever wrote them and whenever; reloads it when it has
    not read them, and says what only a restart can change. Nothing is remembered from an earlier task or run.
  - A setting of the roles' files that C(ALTER SYSTEM) overrides is reset. What an operator has set by C(ALTER SYSTEM)
    next to them is left, even where it waits for a restart.
  - What its unit says, and what it reads only when it starts, is compared with when the unit began.
  - Fails when the files have an error, or when something else than C(ALTER SYSTEM) overrides them.
options:
  unit: {description: The cluster's unit., type: str, required: true}
  reads: {description: Files that it reads only when it starts., type: list, elements: path, default: []}
  rewritten: {description: "Files that check mode would have written.", type: list, elements: path, default: []}
  wait: {description: Seconds for the server to read its files., type: int, default: 30}
"""

RETURN = r"""
done: {description: "What was done, or would be: read again, reset, to be restarted.", returned: success, type: dict}
restart: {description: Settings and files that wait for a restart., returned: success, type: list}
overrides: {description: "What overrides the files, and remains: C(name) and C(diff).", returned: success, type: list}
"""

_PAUSE = 0.1


class PostgresError(Exception):
    """The server could not be brought to run its files; the message says why and what to do."""


def psql(sql: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own words
        [*PSQL, "--file=-"],
        check=False,
        capture_output=True,
        text=True,
        input=sql,
        cwd="/",
        env={**os.environ, "LC_ALL": "C.UTF-8", "PGOPTIONS": POSTGRES_OPTIONS},
    )
    if done.returncode != 0:
        raise PostgresError(f"psql: {done.stderr.strip()}")
    return done.stdout


def systemctl(*command: str) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    if done.returncode != 0:
        raise PostgresError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def began_before(unit: str, reads: list[str], *, check_mode: bool) -> list[str]:
    """Files of the unit, and of what it reads, that changed after it began. systemd reads its own first."""
    known = units(systemctl(*SHOW, unit))[0]
    if not_read_by_systemd(known) and not check_mode:
        systemctl("systemctl", "daemon-reload")
        known = units(systemctl(*SHOW, unit))[0]
    files = [*own_files(known), *reads]
    if not check_mode:
        set_back(files)
    return unread(files, moment(known["InactiveExitTimestamp"]))


def look() -> Postgres:
    return Postgres(psql(POSTGRES_FACTS))


def reload(seconds: int) -> Postgres:
    """Have it read its files, and wait until it has. A server that is too busy to is an error."""
    before = look()
    set_back(before.reads)
    psql("SELECT pg_reload_conf();")
    deadline = time.monotonic() + seconds
    while (now := look()).loaded <= before.loaded:
        if time.monotonic() >= deadline:
            raise PostgresError(f"it did not read its files within {seconds} seconds; see /var/log/postgresql")
        time.sleep(_PAUSE)
    return now


def refuse(server: Postgres) -> None:
    """Raises PostgresError for what no reload or restart brings right."""
    if server.errors:
        raise PostgresError(f"its files have errors; correct them, then run this again: {'; '.join(server.errors)}")
    if server.missing:
        files = ", ".join(server.missing)
        raise PostgresError(f"it does not read {files}: give postgresql.conf its line include_dir = 'conf.d' again")
    wrong = [entry for entry in server.overridden if not entry["by"].startswith("ALTER ")] + server.misplaced
    if wrong:
        said = "; ".join(f"{entry['name']} = {entry['wanted']} is overridden by {entry['by']}" for entry in wrong)
        raise PostgresError(f"{said}. Remove that, or write the value into postgres_settings of the inventory")


def set_by_alter_system(server: Postgres) -> list[str]:
    """Names of the settings that the roles' files have, and that it overrides."""
    entries = [*server.overridden, *server.misplaced]
    return sorted({entry["name"] for entry in entries if entry["by"].startswith(server.alter_system)})


def main() -> None:
    module = AnsibleModule(
        {
            "unit": {"type": "str", "required": True},
            "reads": {"type": "list", "elements": "path", "default": []},
            "rewritten": {"type": "list", "elements": "path", "default": []},
            "wait": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    done: dict[str, str] = {}
    try:
        server = look()
        reset = set_by_alter_system(server)
        done |= {
            entry["name"]: f"reset: {entry['wanted']} by the code, {entry['runs']} by {entry['by']}"
            for entry in [*server.overridden, *server.misplaced]
            if entry["name"] in reset
        }
        unread = sorted({*server.unread, *(asked["rewritten"] if module.check_mode else [])})
        if unread or reset:
            done["PostgreSQL"] = f"reloaded for {', '.join(unread) or 'its settings'}"
        if not module.check_mode:
            for name in reset:
                psql(f'ALTER SYSTEM RESET "{name}";')
            server = reload(asked["wait"]) if unread or reset else server
            refuse(server)
        restart = [*server.waiting, *began_before(asked["unit"], asked["reads"], check_mode=module.check_mode)]
        if restart:
            done["PostgreSQL"] = f"restarted for {', '.join(restart)}"
    except (PostgresError, ValueError) as error:
        module.fail_json(msg=f"PostgreSQL does not run what its files say: {error}")
    for name in set(server.waiting_for_the_operator).difference(reset):
        module.warn(f"PostgreSQL: {name}, set by ALTER SYSTEM, waits for a restart: restart.yml -e postgres=yes")
    kept = [entry for entry in [*server.overridden, *server.misplaced] if entry["name"] not in reset]
    overrides = [
        {"name": entry["name"], "diff": f"{entry['wanted']} by the code, {entry['runs']} by {entry['by']}"}
        for entry in kept
    ]
    module.exit_json(changed=bool(done), done=done, restart=restart, overrides=overrides)


if __name__ == "__main__":
    main()
