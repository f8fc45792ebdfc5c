"""The rows of verify.yml as lines, and what fails by its causes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

# With the indent of whatever prints them within 80 columns.
_WIDTH = 66
_ROW_WIDTH = 72
Row = Mapping[str, str]
"""A row's `state`, `name`, `value` and `fix`."""


def shown_rows(table: Iterable[Row]) -> list[str]:
    """One line a row, ok, warn or FAIL; the fix of one that fails stands with its cause."""
    return [_shown(row) for row in table]


def _shown(row: Row) -> str:
    state = row["state"]
    line = f"{'FAIL' if state == 'fail' else state:<5} {row['name']:<28} {row['value']}".rstrip()
    if state == "ok":
        return line if len(line) <= _ROW_WIDTH else line[: _ROW_WIDTH - 3] + "..."
    return f"{line}  -> {row['fix']}" if state == "warn" and row["fix"] else line


def causes(failures: Iterable[Row]) -> list[str]:
    """Each cause once: what was seen, the rows that show it, and what to do."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        grouped.setdefault((failure["value"], failure["fix"]), []).append(failure["name"])
    lines = []
    for number, ((value, fix), names) in enumerate(grouped.items(), start=1):
        lines += _wrapped(f"{number}. ", value)
        lines += _wrapped("   rows   ", ", ".join(names))
        lines += _wrapped("   to do  ", fix) if fix else []
    return lines


def _wrapped(first: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"verify_rows": shown_rows, "verify_causes": causes}
