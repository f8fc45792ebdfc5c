"""Cursors: an opaque text that names the last row of a page; an empty one ends the list."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from milkbot.simulator.engine.rejects import bad_request

DEFAULT_LIMIT = 100
Row = TypeVar("Row")


def page(rows: Sequence[Row], key: Callable[[Row], str], limit: int, cursor: str) -> tuple[Sequence[Row], str]:
    """The next rows and the cursor after them. Raises RejectError for a cursor that names none of the rows."""
    start = 0
    if cursor:
        last = _decoded(cursor)
        found = next((at for at, row in enumerate(rows) if key(row) == last), None)
        if found is None:
            raise bad_request("cursor is unknown", "invalid_cursor")
        start = found + 1
    part = rows[start : start + limit]
    more = start + limit < len(rows)
    return part, base64.urlsafe_b64encode(key(part[-1]).encode()).decode() if part and more else ""


def _decoded(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise bad_request("cursor is unknown", "invalid_cursor") from None
