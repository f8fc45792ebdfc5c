"""Releases and deploys as tables of text, a line each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SHOWN_REASON = 60
_SHOWN_DEPLOYS = 40


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)
    return [line.rstrip() for line in lines]


def _short(reason: object) -> str:
    return " ".join(str(reason or "").split())[:_SHOWN_REASON]


def release_table(releases: Iterable[Mapping[str, Any]]) -> list[str]:
    """Newest first. `bytes` counts what the release alone holds."""
    rows = [
        (
            str(entry["id"]),
            "live" if entry["live"] else "",
            (entry["result"] or "never live") if entry["complete"] else "incomplete",
            str(entry["schema"]),
            str(entry["created_at"]),
            f"{entry['bytes'] / 1_000_000:.1f} MB",
            _short(entry["reason"]),
        )
        for entry in releases
    ]
    return _table(("release", "live", "result", "schema", "created", "size", "reason"), reversed(rows))


def history_table(text: str) -> list[str]:
    """The last deploys, newest last. `text` is deploys.jsonl; a line that a full disk cut is shown as it is."""
    return _table(
        ("at", "action", "result", "release", "before", "by", "reason"),
        (_deploy(line) for line in text.splitlines()[-_SHOWN_DEPLOYS:] if line.strip()),
    )


def _deploy(line: str) -> tuple[str, ...]:
    try:
        entry = json.loads(line)
    except ValueError:
        return ("unreadable", "", "", "", "", "", _short(line))
    names = ("at", "action", "result", "release", "before", "by")
    return (*(str(entry.get(name) or "") for name in names), _short(entry.get("reason")))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"release_table": release_table, "release_history_table": history_table}
