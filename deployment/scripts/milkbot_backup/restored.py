"""Whether a database that was just restored is what the backup held, and whether the ledger in it is consistent."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from milkbot_backup.manifest import differing_counts
from milkbot_backup.server import NoAnswerError, ask, count_tables

INVARIANTS = Path(__file__).resolve().parents[1] / "books-invariants.sql"
_REVISION = "SELECT version_num FROM ops.alembic_version"
_NOT_VALID = """
SELECT 'the constraint ' || conname || ' of ' || conrelid::regclass || ' is not validated' FROM pg_constraint
WHERE NOT convalidated
UNION ALL
SELECT 'the index ' || indexrelid::regclass || ' is not valid' FROM pg_index WHERE NOT (indisvalid AND indisready)
ORDER BY 1;
"""
# pg_amcheck needs its extension in the database; a database that goes live must not keep it.
_DROP_AMCHECK = "DROP EXTENSION IF EXISTS amcheck;"


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that is always true of the ledger."""

    name: str
    sentence: str
    broken: int
    """How many rows it is not true of."""


def problems(database: str, facts: dict[str, Any]) -> Iterator[str]:
    """What of a restored database is not as the backup has it, a sentence each.

    `facts` are those of inspect-backup.py --facts. Raises NoAnswerError when the database does not answer.
    """
    counted, (revision, *_) = count_tables(database, also=f"{_REVISION};")
    if revision != [facts["schema"]]:
        yield f"its schema is {revision[0]}, expected {facts['schema']}"
    if differing := differing_counts(facts["tables"], counted):
        yield differing
    yield from (row[0] for row in ask(_NOT_VALID, database))
    yield from damaged(database)


def damaged(database: str) -> Iterator[str]:
    """What pg_amcheck finds in tables and indexes: each row has its entry in each index."""
    command = [amcheck(database), "--install-missing", "--heapallindexed", "--no-dependent-toast", "--jobs=2", database]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    done = subprocess.run(  # noqa: S603 - our own words
        command, capture_output=True, text=True, check=False, cwd="/"
    )
    ask(_DROP_AMCHECK, database)
    if done.returncode != 0:
        said = " ".join((done.stdout + done.stderr).split())
        yield f"pg_amcheck found damage, or could not check: {said[:500]}"


def amcheck(database: str) -> str:
    """The program pg_amcheck of that server's version, as Debian installs it."""
    version = ask("SHOW server_version_num;", database)[0][0]
    return f"/usr/lib/postgresql/{int(version) // 10000}/bin/pg_amcheck"


def invariants(database: str, path: Path = INVARIANTS) -> list[Invariant]:
    """The invariants of the ledger, each with the rows that break it."""
    rows = ask(path.read_text(encoding="utf-8"), database)
    return [Invariant(name, sentence, int(broken)) for name, sentence, broken in rows]


def broken_invariants(database: str) -> Iterator[str]:
    """Each invariant that the ledger breaks, as a sentence."""
    for found in invariants(database):
        if found.broken:
            yield f"the ledger breaks '{found.name}' in {found.broken} rows: {found.sentence}"


__all__ = ["INVARIANTS", "Invariant", "NoAnswerError", "broken_invariants", "damaged", "invariants", "problems"]
