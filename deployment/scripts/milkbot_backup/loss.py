"""What a restore would lose: the minutes since the backup, and the rows of each table."""

from __future__ import annotations

import calendar
import re
import sys
import time
from pathlib import Path
from typing import Any

from milkbot_backup.dump import Contents
from milkbot_backup.manifest import AT, DATABASE, Manifest
from milkbot_backup.server import NoAnswerError, count_tables

_NAME = re.compile(r"milkbot_(\d{8}_\d{6})\.sql\.gz")
_NEWEST_TICK = """SELECT to_char(max(started_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM ops.ticks;"""


def taken_at(path: Path, manifest: Manifest | None = None) -> float:
    """When it was made: its manifest or its name says so, of another file the time when it was written."""
    if manifest is not None:
        return float(calendar.timegm(time.strptime(manifest.at, AT)))
    if named := _NAME.fullmatch(path.name):
        return float(calendar.timegm(time.strptime(named[1], "%Y%m%d_%H%M%S")))
    return path.stat().st_mtime


def live_rows() -> tuple[dict[str, int] | None, str]:
    """The rows of each table of the running database, and its last tick; None when it does not answer."""
    try:
        rows, newest = count_tables(DATABASE, also=_NEWEST_TICK)
    except NoAnswerError as error:
        print(f"the running database does not answer: {error}", file=sys.stderr)
        return None, ""
    return rows, newest[0][0]


def loss(path: Path, found: Contents, live: dict[str, int] | None, last_tick: str, at: float) -> dict[str, Any]:
    """What a restore of what was made at that time would lose; `rows` is None where the database does not answer."""
    tables: list[dict[str, Any]] = [
        {"table": table, "live": None if live is None else live.get(table, 0), "backup": found.tables.get(table, 0)}
        for table in sorted({*found.tables, *(live or {})})
    ]
    more = [row["live"] - row["backup"] for row in tables if row["live"] is not None]
    return {
        "file": str(path),
        "at": time.strftime(AT, time.gmtime(at)),
        "minutes": max(0, round((time.time() - at) / 60)),
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
