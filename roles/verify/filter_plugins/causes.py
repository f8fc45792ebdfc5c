"""The rows of verify.yml as lines, and what fails by its causes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

# With the indent of whatever prints them within 80 columns.
_WIDTH = 66
_ROW_WIDTH = 72
_LIMIT = re.compile(r" \(limit: .*\)$")
Failure = Mapping[str, str]
"""A row's `name`, its `value` and its `fix`."""


def shown_rows(table: Iterable[str]) -> list[str]:
    """One line a row, ok, warn or FAIL, an ok one short; the fix of one that fails stands with its cause."""
    return [_shown(line) for line in table]


def _shown(line: str) -> str:
    if line.startswith("fail "):
        return "FAIL" + line.partition("  -> ")[0][4:]
    if not line.startswith("ok "):
        return line
    short = _LIMIT.sub("", line)
    return short if len(short) <= _ROW_WIDTH else short[: _ROW_WIDTH - 3] + "..."


def causes(failures: Iterable[Failure]) -> list[str]:
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
