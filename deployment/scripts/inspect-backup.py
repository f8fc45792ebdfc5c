#!/usr/bin/python3
"""inspect-backup.py [--check | --json] [--schema REVISION] [FILE]

Reads a backup once from end to end: its SHA-256, its end, its schema revision and the rows of each table. Then asks
the running database, and shows what a restore would lose. With --check only whether the file is whole. Without FILE it
takes the newest backup of all kinds, with --schema the newest one that holds that revision.
Exit codes: 0 done · 1 the backup cannot be used · 2 wrong usage
"""

from __future__ import annotations

import argparse
import calendar
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

BACKUPS = Path("/var/backups/milkbot")
DATABASE = "milkbot"
REVISION = b"ops.alembic_version"
_PIECE = 1 << 16
_COPY = re.compile(rb"COPY (\S+|\".+\") \(.*\) FROM stdin;\n")
_END = b"-- PostgreSQL database dump complete"
# After the line that ends a dump come a few empty ones, and since 2025 psql's \unrestrict.
_LINES_AT_END = 10
_NAME = re.compile(r"milkbot_(\d{8}_\d{6})\.sql\.gz")

# Every table is counted by a statement of its own, all of them as of one moment.
_COUNTS = r"""
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT format('SELECT %L, count(*) FROM %I.%I', format('%I.%I', nspname, relname), nspname, relname)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema') AND relpersistence = 'p'
ORDER BY nspname, relname
\gexec
SELECT 'newest', to_char(max(started_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM ops.ticks;
COMMIT;
"""


class BrokenError(Exception):
    """The backup cannot be used; the message says why, and what to do."""


class Hashed(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._file.read(len(buffer))
        self.digest.update(read)
        buffer[: len(read)] = read
        return len(read)


@dataclass
class Contents:
    """What a dump holds. `tables` counts the rows of each COPY block, by the table's quoted name."""

    tables: dict[str, int] = field(default_factory=dict)
    revision: str = ""
    whole: bool = False


def read_dump(stream: BinaryIO, *, until_revision: bool = False) -> Contents:
    """Count a dump line by line; a line that is longer than a piece is read in pieces, so memory stays bounded."""
    found, table, at_start, since_end = Contents(), b"", True, -1
    while piece := stream.readline(_PIECE):
        begins, at_start = at_start, piece.endswith(b"\n")
        if not begins:
            continue
        if table:
            if piece == b"\\.\n":
                table = b""
                continue
            found.tables[table.decode()] += 1
            if table == REVISION:
                found.revision = piece.decode().strip()
                if until_revision:
                    break
            continue
        since_end = 0 if piece.startswith(_END) else since_end + 1 if since_end >= 0 else -1
        if header := _COPY.fullmatch(piece):
            table = header[1]
            found.tables[table.decode()] = 0
    found.whole = not table and 0 <= since_end < _LINES_AT_END
    return found


def read_backup(path: Path) -> Contents:
    """What the file holds. Raises BrokenError when it is not what was backed up, or not a whole dump."""
    try:
        with path.open("rb") as file:
            hashed = Hashed(file)
            with gzip.GzipFile(fileobj=io.BufferedReader(hashed, _PIECE)) as unpacked:
                found = read_dump(unpacked)
            while hashed.read(_PIECE):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BrokenError(f"{path} is not a complete dump ({error}); take another") from error
    except OSError as error:
        raise BrokenError(
            f"{path} cannot be read ({error.strerror}); the backups are below /var/backups/milkbot"
        ) from error
    expected = expected_digest(path)
    if expected is None:
        print(f"{path}.sha256 is missing, so only the dump itself is checked", file=sys.stderr)
    elif expected != hashed.digest.hexdigest():
        raise BrokenError(f"{path} is not what was backed up (its SHA-256 differs); take another")
    if not found.whole:
        raise BrokenError(f"{path} is not a complete dump; take another")
    return found


def newest(directory: Path, schema: str | None) -> Path:
    """The newest backup, or the newest one of that schema. Raises BrokenError when there is none."""
    wanted = f" of schema {schema}" if schema else ""
    for path in sorted(directory.glob("*/milkbot_*.sql.gz"), key=lambda path: path.name, reverse=True):
        found = revision_of(path)
        if schema in (None, found):
            return path
        print(f"{path} is of schema {found or 'unknown'}, not {schema}: passed over", file=sys.stderr)
    raise BrokenError(f"there is no backup{wanted} below {directory}; name a file (-e backup=...)")


def revision_of(path: Path) -> str:
    """The schema's revision, which comes early in a dump; empty for one that cannot be read so far."""
    try:
        with gzip.open(path) as unpacked:
            return read_dump(unpacked, until_revision=True).revision
    except (OSError, EOFError, zlib.error):
        return ""


def expected_digest(path: Path) -> str | None:
    try:
        return (path.with_name(path.name + ".sha256").read_text(encoding="ascii").split() or [""])[0]
    except FileNotFoundError:
        return None


def taken_at(path: Path) -> float:
    """When it was made: its name says so, and of a file with another name the time when it was written."""
    if named := _NAME.fullmatch(path.name):
        return float(calendar.timegm(time.strptime(named[1], "%Y%m%d_%H%M%S")))
    return path.stat().st_mtime


def live_rows() -> tuple[dict[str, int] | None, str]:
    """The rows of each table of the running database, and its last tick; None when it does not answer."""
    command = ["psql", "-XqAt", "-F\t", "-v", "ON_ERROR_STOP=1", f"--dbname={DATABASE}"]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    done = subprocess.run(  # noqa: S603 - our own words
        command, input=_COUNTS, capture_output=True, text=True, check=False, cwd="/"
    )
    if done.returncode != 0:
        print(f"the running database does not answer: {done.stderr.strip()}", file=sys.stderr)
        return None, ""
    rows = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    last_tick = rows.pop("newest", "")
    return {table: int(rows[table]) for table in rows}, last_tick


def loss(path: Path, found: Contents, live: dict[str, int] | None, last_tick: str, now: float) -> dict[str, Any]:
    """What a restore of it would lose; `lost` is None where the running database does not answer."""
    at = taken_at(path)
    tables = [
        {"table": table, "live": None if live is None else live.get(table, 0), "backup": found.tables.get(table, 0)}
        for table in sorted({*found.tables, *(live or {})})
    ]
    more = [row["live"] - row["backup"] for row in tables if row["live"] is not None]
    return {
        "file": str(path),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        "minutes": max(0, round((now - at) / 60)),
        "schema": found.revision,
        "newest": last_tick,
        "rows": sum(number for number in more if number > 0) if live is not None else None,
        "tables": tables,
    }


def shown(lost: dict[str, Any]) -> list[str]:
    """The same as text: a line for each table that differs."""
    rows = [row for row in lost["tables"] if row["live"] != row["backup"]]
    cells = [("table", "now", "in the backup", "lost"), *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = [[cell.rjust(width) for cell, width in zip(line, widths, strict=True)] for line in cells]
    table = ["  ".join([name[0].ljust(widths[0]), *line[1:]]) for name, line in zip(cells, lines, strict=True)]
    total = "it is not known how many rows" if lost["rows"] is None else f"{lost['rows']} rows"
    return [
        f"backup   {lost['file']}",
        f"made at  {lost['at']}, {lost['minutes']} minutes ago; schema {lost['schema'] or 'none'}",
        f"newest   tick of the running database: {lost['newest'] or 'unknown'}",
        f"lost     {lost['minutes']} minutes and {total}, and what was changed since in rows that the backup has",
        *table,
        f"{len(lost['tables']) - len(rows)} tables have as many rows in both",
    ]


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    live, kept = row["live"], row["backup"]
    return (
        (row["table"], "?", str(kept), "?") if live is None else (row["table"], str(live), str(kept), str(live - kept))
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="inspect-backup.py", description="Show what a restore of a backup would lose."
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--check", action="store_true", help="only whether it is whole")
    kind.add_argument("--json", action="store_true", help="for a program")
    parser.add_argument("--schema", help="without FILE: the newest backup that holds this revision")
    parser.add_argument("file", type=Path, nargs="?")
    asked = parser.parse_args()
    try:
        file = asked.file or newest(BACKUPS, asked.schema)
        found = read_backup(file)
    except BrokenError as error:
        print(error, file=sys.stderr)
        return 1
    if asked.check:
        return 0
    lost = loss(file, found, *live_rows(), time.time())
    print(json.dumps({**lost, "shown": shown(lost)}) if asked.json else "\n".join(shown(lost)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
