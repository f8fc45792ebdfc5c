"""Ansible module: what the database of a host holds, before a backup is restored into it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: recovery_books
short_description: Report whether anything is stored in the platform's database, and what it was restored from
description:
  - Changes nothing. On a machine without PostgreSQL, or without the database, nothing is stored.
  - What a restore was begun with stands in a file of its own, so that the newest backup off-site is the same one when
    the run that took it was killed, or is repeated.
options:
  database: {description: Its name., type: str, required: true}
  socket_dir: {description: Where PostgreSQL listens., type: path, required: true}
  begun: {description: The file that says what a restore was begun with., type: path, required: true}
  history: {description: The history of the host's deploys., type: path, required: true}
  restore_from: {description: What is asked for., type: str, required: true}
  empty_tables: {description: Tables whose rows come with the migrations., type: list, elements: str, default: []}
"""

RETURN = r"""
stored: {description: "Tables that hold a row, by their names with the schema.", type: list}
restored: {description: Names of the backups that it was restored from., type: list}
recorded: {description: Names of the backups that the history says were restored., type: list}
begun: {description: Path of the backup that a restore of the same was begun with; or empty., type: str}
"""

# One answer for each table, and no row is read twice.
STORED = """
SELECT format('%s.%s', nspname, relname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg_toast%'
AND query_to_xml(format('SELECT 1 AS one FROM %I.%I LIMIT 1', nspname, relname), false, true, '')::text <> ''
ORDER BY 1
"""
_RESTORED = """
SELECT DISTINCT substr(reason, length('restored from ') + 1) FROM ops.trading_states
WHERE set_by = 'restore-database.sh' AND reason LIKE 'restored from %' ORDER BY 1
"""


class NoAnswerError(Exception):
    """The database is there and cannot be asked; the message says why."""


def ask(query: str, database: str) -> list[str]:
    """The first column of the answer. Raises NoAnswerError."""
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", f"--dbname={database}", f"--command={query}"]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")  # noqa: S603 - our own words
    if done.returncode != 0:
        raise NoAnswerError(f"the database {database} does not answer: {done.stderr.strip()}")
    return done.stdout.splitlines()


def look(database: str, socket_dir: Path) -> tuple[list[str], list[str]]:
    """The tables that hold a row, and the backups that the database was restored from."""
    if shutil.which("psql") is None or not list(socket_dir.glob(".s.PGSQL.*[0-9]")):
        return [], []
    if database not in ask("SELECT datname FROM pg_database", "postgres"):
        return [], []
    stored = ask(STORED, database)
    return stored, ask(_RESTORED, database) if "ops.trading_states" in stored else []


def begun_with(path: Path, restore_from: str) -> str:
    """The backup that a restore of that was begun with. A file that a kill cut says nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return ""
    same = isinstance(found, dict) and found.get("restore_from") == restore_from
    return str(found.get("file", "")) if same else ""


def recorded(history: Path) -> list[str]:
    """The backups whose restore is in the history."""
    found = []
    for line in history.read_text(encoding="utf-8").splitlines() if history.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:  # cut by a full disk
            continue
        if entry.get("action") == "restore" and entry.get("result") == "good":
            found.append(Path(entry.get("backup", "")).name)
    return found


def main() -> None:
    module = AnsibleModule(
        {
            "database": {"type": "str", "required": True},
            "socket_dir": {"type": "path", "required": True},
            "begun": {"type": "path", "required": True},
            "history": {"type": "path", "required": True},
            "restore_from": {"type": "str", "required": True},
            "empty_tables": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    try:
        stored, restored = look(asked["database"], Path(asked["socket_dir"]))
    except NoAnswerError as error:
        module.fail_json(msg=f"{error}; nothing was restored. Run: systemctl status postgresql")
    module.exit_json(
        changed=False,
        stored=[table for table in stored if table not in asked["empty_tables"]],
        restored=restored,
        recorded=recorded(Path(asked["history"])),
        begun=begun_with(Path(asked["begun"]), asked["restore_from"]),
    )


if __name__ == "__main__":
    main()
