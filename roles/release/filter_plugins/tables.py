"""Releases and deploys as tables of text, a line each."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SHOWN_DEPLOYS = 40
# With the indent of whatever prints a line, 80 columns.
_WIDTH = 76
_SHOWN_REASON_LINES = 2

Row = tuple[tuple[str, ...], list[str]]
"""The cells of a row, and the lines below it."""


def _table(header: Sequence[str], rows: Iterable[Row]) -> list[str]:
    table = [(tuple(header), []), *rows]
    widths = [max(len(cells[column]) for cells, _ in table) for column in range(len(header))]
    lines = []
    for cells, below in table:
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
        lines += [f"    {line}" for line in below]
    return lines


def _wrapped(text: object) -> list[str]:
    return textwrap.wrap(
        " ".join(str(text or "").split()), _WIDTH - 4, max_lines=_SHOWN_REASON_LINES, placeholder=" ..."
    )


def release_table(releases: Iterable[Mapping[str, Any]]) -> list[str]:
    """Newest first; its name says when it was made. `bytes` counts what the release alone holds."""
    rows = [
        (
            (
                str(entry["id"]),
                "live" if entry["live"] else "",
                (entry["result"] or "never live") if entry["complete"] else "incomplete",
                str(entry["schema"]),
                f"{entry['bytes'] / 1_000_000:.1f} MB",
            ),
            _wrapped(entry["reason"]),
        )
        for entry in releases
    ]
    return _table(("release", "live", "result", "schema", "size"), reversed(rows))


def history_table(text: str) -> list[str]:
    """The last deploys, newest last. `text` is deploys.jsonl; a line that a full disk cut is shown as it is."""
    return _table(
        ("at", "action", "result", "release"),
        (_deploy(line) for line in text.splitlines()[-_SHOWN_DEPLOYS:] if line.strip()),
    )


def _deploy(line: str) -> Row:
    try:
        entry = json.loads(line)
    except ValueError:
        return ("unreadable", "", "", ""), _wrapped(line)
    about = [f"{word} {entry[name]}" for word, name in (("from", "before"), ("by", "by")) if entry.get(name)]
    below = [", ".join(about)] if about else []
    names = ("at", "action", "result", "release")
    return tuple(str(entry.get(name) or "") for name in names), below + _wrapped(entry.get("reason"))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"release_table": release_table, "release_history_table": history_table}
