"""Tables for people and JSON for programs, from the same rows."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

Cell = str | int | float | Decimal | datetime | None

_USUAL, _NARROWEST = 80, 60
_GAP, _INDENT = 2, 4
# Narrower than that a sentence is no longer read.
_NARROWEST_TEXT = 32
# What a reason of others may hold, and a terminal would obey.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def show(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, as_json: bool, below: Sequence[str] = ()
) -> None:
    """Print rows as a table as wide as the terminal (80 columns where there is none), or as a JSON list of objects.

    What does not fit is never cut: a text in the last column is folded there, and other columns go below their row,
    those of `below` first, in that order. Times are UTC.
    """
    if as_json:
        listed = [{name: _plain(cell) for name, cell in zip(columns, row, strict=True)} for row in rows]
        print(json.dumps(listed, indent=2))
        return
    width = max(_NARROWEST, shutil.get_terminal_size((_USUAL, 24)).columns)
    table = [_Column(name, [row[index] for row in rows]) for index, name in enumerate(columns)]
    print("\n".join([*_folded(title, width), *_lines(table, below, width)]))


class _Column:
    """A column as it is printed: its header with the unit, its cells as text."""

    def __init__(self, name: str, cells: Sequence[Cell]) -> None:
        known = [cell for cell in cells if cell is not None]
        self.name = name
        self.header = f"{name} (UTC)" if any(isinstance(cell, datetime) for cell in known) else name
        self.right = bool(known) and all(isinstance(cell, int | float | Decimal) for cell in known)
        places = max((_places(cell) for cell in known if isinstance(cell, Decimal)), default=0)
        self.cells = ["" if cell is None else _shown(cell, places) for cell in cells]
        self.is_text = bool(known) and all(isinstance(cell, str) for cell in known)
        self.width = max(map(cell_len, [*self.header.split(), *self.cells]))

    @property
    def longest_word(self) -> int:
        return max((cell_len(word) for cell in [self.header, *self.cells] for word in cell.split()), default=0)


def _lines(table: Sequence[_Column], below: Sequence[str], width: int) -> Iterator[str]:
    row, under = _placed(table, below, width)
    room = width - sum(column.width + _GAP for column in row[:-1])
    row[-1].width = min(row[-1].width, room)
    heads = [_folded(column.header, column.width) for column in row]
    yield from _row(row, heads)
    yield "-" * (sum(column.width + _GAP for column in row) - _GAP)
    for index in range(len(table[0].cells)):
        yield from _row(row, [_folded(column.cells[index], column.width) for column in row])
        said = [f"{column.header}: {column.cells[index]}" for column in under if column.cells[index]]
        yield from (" " * _INDENT + line for line in _packed(said, width - _INDENT))
    if not table[0].cells:
        yield "none"


def _placed(table: Sequence[_Column], below: Sequence[str], width: int) -> tuple[list[_Column], list[_Column]]:
    """The columns of a row, and those that go below it."""
    row = list(table)
    queue = [*below, *(column.name for column in reversed(table[1:]) if column.name not in below)]
    while queue:
        last = row[-1]
        room = width - sum(column.width + _GAP for column in row[:-1])
        folds = last.is_text and room >= max(_NARROWEST_TEXT, last.longest_word)
        if last.width <= room or folds:
            break
        gone = queue.pop(0)
        row = [column for column in row if column.name != gone]
    return row, [column for column in table if column not in row]


def _row(columns: Sequence[_Column], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    for number in range(max(map(len, cells), default=0)):
        parts = []
        for column, lines in zip(columns, cells, strict=True):
            text = lines[number] if number < len(lines) else ""
            space = " " * (column.width - cell_len(text))
            parts.append(space + text if column.right else text + space)
        yield (" " * _GAP).join(parts).rstrip()


def _packed(said: Sequence[str], width: int) -> Iterator[str]:
    """Short ones on one line, long ones folded on lines of their own."""
    line = ""
    for one in said:
        joined = f"{line}   {one}" if line else one
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        *whole, line = _folded(one, width)
        yield from whole
    if line:
        yield line


def _folded(text: str, width: int) -> list[str]:
    """The text in lines of at most that width, between words where that goes."""
    lines = Text(text).wrap(Console(width=width), width, overflow="fold")
    return [line.plain.rstrip() for line in lines] or [""]


def _places(number: Decimal) -> int:
    """How many decimals it needs, two at least where it has any: what the database pads says nothing."""
    exponent = number.as_tuple().exponent
    needed = number.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or not isinstance(needed, int):
        return 0
    return max(min(-exponent, 2), -needed, 0) if number else max(min(-exponent, 2), 0)


def _shown(cell: Cell, places: int) -> str:
    if isinstance(cell, datetime):
        return f"{cell.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, Decimal):
        return f"{cell:.{places}f}"
    return _CONTROL.sub(" ", str(_plain(cell))).strip()


def _plain(cell: Cell) -> str | int | float | None:
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return str(cell.normalize() if cell == 0 else cell) if isinstance(cell, Decimal) else cell
