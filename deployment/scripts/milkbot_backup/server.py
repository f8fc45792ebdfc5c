"""Queries a database through psql, which is on every host that has one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

COUNT_TABLES = Path(__file__).resolve().parents[1] / "count-tables.sql"


class NoAnswerError(Exception):
    """The database did not answer; the message is what psql said."""


def ask(script: str, database: str) -> list[list[str]]:
    """The rows of psql's answer to a script; root connects as postgres. PGHOST may name another server."""
    command = ["psql", "-XqAt", "-F\t", "-v", "ON_ERROR_STOP=1", f"--dbname={database}"]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    done = subprocess.run(  # noqa: S603 - our own words
        command, input=script, capture_output=True, text=True, check=False, cwd="/"
    )
    if done.returncode != 0:
        raise NoAnswerError(done.stderr.strip())
    return [line.split("\t") for line in done.stdout.splitlines()]


def count_tables(database: str, *, also: str = "") -> tuple[dict[str, int], list[list[str]]]:
    """The rows of each table as of one moment, and the answer to one more query then. Raises NoAnswerError."""
    begin, end = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;", "COMMIT;"
    script = "\n".join((begin, COUNT_TABLES.read_text(encoding="utf-8"), "\\echo", also, end, ""))
    rows = ask(script, database)
    until = rows.index([""])
    return {table: int(count) for table, count in rows[:until]}, rows[until + 1 :]
