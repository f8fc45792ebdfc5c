"""Reading a whole recording: what is damaged, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from milkbot.recorder import files
from milkbot.recorder.files import Line
from milkbot.recorder.memory import Kind, is_final

LONGEST_PAUSE: Final = timedelta(minutes=2, seconds=30)
"""Between two runs of a timer that fires each minute: a second run may take longer than its minute."""

_SETTLES_WITHIN: Final = timedelta(days=3)


@dataclass(slots=True)
class Verified:
    """`damage` is what cannot be read or is not what was written; `gaps` and `unsettled` were never recorded."""

    first: datetime | None = None
    last: datetime | None = None
    hours: int = 0
    bytes: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    problems: int = 0
    damage: list[str] = field(default_factory=list)
    gaps: list[tuple[datetime, datetime]] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For a program: moments in ISO form."""
        own = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        moments = {name: own[name].isoformat() if own[name] else None for name in ("first", "last")}
        gaps = [[start.isoformat(), end.isoformat()] for start, end in self.gaps]
        return {**own, **moments, "gaps": gaps}


def verify(root: Path, longest_pause: timedelta = LONGEST_PAUSE) -> Verified:
    """Read every file: checksums, streams, lines, and that each confirmation confirms something."""
    found = Verified()
    events: dict[str, tuple[datetime, dict[str, Any]]] = {}
    for day in files.days(root):
        sums, present = files.read_sums(day), files.hours(day)
        for name in sorted(sums.keys() - {path.name for path in present}):
            found.damage.append(f"{day.name}/{name} is in {files.SUMS}, and is not there")
        for path in present:
            found.hours += 1
            found.bytes += path.stat().st_size
            found.damage += _damage(path, sums.get(path.name))
            for line in _readable(path, found.damage):
                _count(found, line, longest_pause)
                if line.kind == Kind.EVENT and line.body is not None:
                    events[line.key] = (line.at, line.body)
    over = None if found.last is None else found.last - _SETTLES_WITHIN
    found.unsettled = sorted(key for key, (at, event) in events.items() if over and at < over and not is_final(event))
    return found


def _damage(path: Path, expected: str | None) -> Iterator[str]:
    name = f"{path.parent.name}/{path.name}"
    if expected is not None and files.digest(path) != expected:
        yield f"{name} is not what {files.SUMS} says"
    for part in files.parts(path.read_bytes()):
        if part.content is None:
            yield f"{name}: {part.end - part.start} bytes from {part.start} on cannot be read"


def _readable(path: Path, damage: list[str]) -> Iterator[Line]:
    whole: set[tuple[str, str]] = set()
    try:
        for line in files.read_lines(path):
            if line.body is not None:
                whole.add((line.kind, line.key))
            elif (line.kind, line.key) not in whole:
                damage.append(f"{path.parent.name}/{path.name}: {line.kind} {line.key} is confirmed, and not there")
            yield line
    except (ValueError, KeyError, TypeError) as error:
        damage.append(f"{path.parent.name}/{path.name} holds a line that is none: {error}")


def _count(found: Verified, line: Line, longest_pause: timedelta) -> None:
    found.lines[line.kind] += 1
    if line.kind != Kind.RUN:
        return
    found.problems += int(line.body["problems"])
    if found.last is not None and line.at - found.last > longest_pause:
        found.gaps.append((found.last, line.at))
    found.first = found.first or line.at
    found.last = line.at
