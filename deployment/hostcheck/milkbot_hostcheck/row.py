"""One row of the health check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

# What a table's line, a log and a chat can hold.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LONGEST = 240
# Of the table, for a row's name.
COLUMNS = 28


class State(str, Enum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Row:
    """What was looked at, how it stands, against which limit, and the remedy.

    `known` is false for a row that could not be judged: nothing is concluded from it, no recovery either. `overdue`
    marks a failure because nothing newer came in time. `cause` is the name of the diagnosis that explains it.
    """

    name: str
    state: State
    value: str
    limit: str = ""
    remedy: str = ""
    known: bool = True
    overdue: bool = False
    cause: str = ""

    def line(self) -> str:
        """The row in the table: state, name in 28 columns, value with its limit, remedy when it is not well."""
        limit = f" (limit: {self.limit})" if self.limit else ""
        remedy = f"  -> {self.remedy}" if self.remedy and self.state is not State.OK else ""
        return f"{self.state.value:<5} {self.name:<{COLUMNS}} {self.value}{limit}{remedy}"

    @classmethod
    def of_json(cls, known: Mapping[str, Any]) -> Row:
        """The row of an archive; KeyError and ValueError for what is none."""
        name, value, limit, remedy, cause = (str(known[key]) for key in ("name", "value", "limit", "remedy", "cause"))
        return cls(
            name, State(known["state"]), value, limit, remedy, bool(known["known"]), bool(known["overdue"]), cause
        )

    def as_json(self) -> dict[str, str]:
        remedy = self.remedy if self.state is not State.OK else ""
        return {
            "name": self.name,
            "state": self.state.value,
            "value": self.value,
            "limit": self.limit,
            "remedy": remedy,
            "cause": self.cause if self.state is not State.OK else "",
        }


def plain(text: object) -> str:
    """Text of others as one line that is not too long."""
    line = _UNPRINTABLE.sub(" ", str(text)).strip()
    return line if len(line) <= _LONGEST else line[:_LONGEST] + " ..."


def ok(name: str, value: str, limit: str = "") -> Row:
    return Row(name, State.OK, value, limit)


def warn(name: str, value: str, remedy: str, limit: str = "", cause: str = "") -> Row:
    return Row(name, State.WARN, value, limit, remedy, cause=cause)


def fail(name: str, value: str, remedy: str, limit: str = "", cause: str = "") -> Row:
    return Row(name, State.FAIL, value, limit, remedy, cause=cause)


def overdue(name: str, value: str, remedy: str, limit: str) -> Row:
    """A failure of what should have come again by now."""
    return Row(name, State.FAIL, value, limit, remedy, overdue=True)


def unknown(name: str, why: str, remedy: str) -> Row:
    return Row(name, State.WARN, f"cannot be judged: {why}", "", remedy, known=False)


def by_limits(
    name: str, number: float, limits: tuple[float, float], value: str, limit: str, remedy: str, cause: str = ""
) -> Row:
    """A row by a number that should be small: `limits` are from where on it warns, and fails."""
    state = State.FAIL if number >= limits[1] else State.WARN if number >= limits[0] else State.OK
    return Row(name, state, value, limit, remedy, cause=cause)


def worst(rows: list[Row]) -> State:
    """The state of the whole."""
    states = {row.state for row in rows}
    return State.FAIL if State.FAIL in states else State.WARN if State.WARN in states else State.OK


def span(seconds: float) -> str:
    """A length of time in words: 40 s, 12 min, 5 h, 3 days."""
    seconds = max(0.0, seconds)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"
