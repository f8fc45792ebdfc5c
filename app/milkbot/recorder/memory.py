"""What the recording holds already: it decides which line a reading becomes, and what has to be read again."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from milkbot.recorder.files import Line, compact, days, hour_file, hour_of, hours, read_lines

FINAL: Final = frozenset({"finalized", "settled"})
"""Statuses of a market that has paid out: nothing in it changes any more."""
_FILES: Final = 2


class Kind(StrEnum):
    """What a line is about; docs/recording.md has the keys and bodies."""

    STATUS = "status"
    SERIES = "series"
    EVENT = "event"
    BOOK = "book"
    TAPE = "tape"
    TRADE = "trade"
    GRID = "grid"
    OBSERVATION = "observation"
    PROBLEM = "problem"
    RUN = "run"


class Memory:
    """The newest files of a recording, read again at each run: there is no other state that could contradict them.

    `since` is when the older of them begins; None for a recording that begins now.
    """

    def __init__(self, root: Path, now: datetime) -> None:
        found = _newest(root)
        self.since: datetime | None = hour_of(found[0][0]) if found else None
        self.last_run: datetime | None = None
        self.events: dict[str, dict[str, Any]] = {}
        self.tapes: dict[str, tuple[str, datetime]] = {}
        self._bodies: dict[tuple[str, str], bytes] = {}
        self._facts: set[tuple[str, str, bytes]] = set()
        current = hour_file(root, now)
        for path, lines in found:
            for line in lines:
                self._note(line, is_current=path == current)

    def state(self, at: datetime, kind: Kind, key: str, body: Any) -> Line:
        """A line for what is one way or another: whole where it changed or the hour is new, else its confirmation."""
        known = self._bodies.get((kind, key)) == _digest(body)
        line = Line(at, kind, key, body)
        self._note(line, is_current=True)
        return Line(at, kind, key) if known else line

    def fact(self, at: datetime, kind: Kind, key: str, body: Any) -> Line | None:
        """A line for what happened once, None where it is recorded already."""
        if (kind, key, _digest(body)) in self._facts:
            return None
        line = Line(at, kind, key, body)
        self._note(line, is_current=True)
        return line

    def holds(self, kind: Kind, key: str) -> bool:
        """Whether the current hour's file has it whole."""
        return (kind, key) in self._bodies

    def unsettled(self, among: set[str]) -> list[str]:
        """Events that were open once, are not `among` the open ones now, and have not paid out."""
        return sorted(ticker for ticker, event in self.events.items() if ticker not in among and not is_final(event))

    def trades_from(self, market: str) -> datetime | None:
        """From when a market's trades are to be read: a minute before they were last; None for all of them."""
        return self.tapes[market][1] - timedelta(minutes=1) if market in self.tapes else self.since

    def _note(self, line: Line, *, is_current: bool) -> None:
        if line.kind == Kind.RUN:
            self.last_run = line.at
        if line.kind == Kind.TAPE:
            volume = self.tapes[line.key][0] if line.body is None and line.key in self.tapes else str(line.body)
            self.tapes[line.key] = (volume, line.at)
        if line.body is None:
            return
        if line.kind == Kind.EVENT:
            self.events[line.key] = line.body
        if is_current:
            self._bodies[line.kind, line.key] = _digest(line.body)
        if line.kind in (Kind.TRADE, Kind.OBSERVATION):
            self._facts.add((line.kind, line.key, _digest(line.body)))


def is_final(event: dict[str, Any]) -> bool:
    """Whether every market of an event's body has paid out."""
    return all(market.get("status") in FINAL for market in event.get("markets") or ())


def _newest(root: Path) -> list[tuple[Path, list[Line]]]:
    """The newest files with their lines, oldest first, back to the second that knows an event.

    In the others the exchange did not answer.
    """
    found: list[tuple[Path, list[Line]]] = []
    knowing = 0
    for path in (path for day in reversed(days(root)) for path in reversed(hours(day))):
        lines = list(read_lines(path))
        found.insert(0, (path, lines))
        knowing += any(line.kind == Kind.EVENT for line in lines)
        if knowing >= _FILES:
            break
    return found


def _digest(body: Any) -> bytes:
    return hashlib.blake2b(compact(body).encode(), digest_size=16).digest()
