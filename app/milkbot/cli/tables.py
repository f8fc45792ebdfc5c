"""Tables for people and JSON for programs, from the same rows."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console
from rich.table import Table

_AS_WIDE_AS_NEEDED = 10_000

Cell = str | int | float | Decimal | datetime | None


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, as_json: bool) -> None:
    """Print rows as a table, or as a JSON list of objects on one line each."""
    if as_json:
        listed = [{name: _plain(cell) for name, cell in zip(columns, row, strict=True)} for row in rows]
        print(json.dumps(listed, indent=2))
        return
    # Nothing is cut off: a terminal's lines are folded, a pipe's have no end.
    piped = not sys.stdout.isatty()
    table = Table(title=title, title_justify="left")
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], int | float | Decimal) for row in rows) and bool(rows)
        table.add_column(name, justify="right" if numeric else "left", no_wrap=piped, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(_plain(cell)) for cell in row))
    Console(width=_AS_WIDE_AS_NEEDED if piped else None).print(table)


def _plain(cell: Cell) -> str | int | float | None:
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return str(cell.normalize() if cell == 0 else cell) if isinstance(cell, Decimal) else cell
