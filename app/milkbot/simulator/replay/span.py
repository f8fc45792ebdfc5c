"""Reading some days of the recorder's files: order books, events, raw forecasts and observations with their receipt."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from milkbot.errors import ConfigError
from milkbot.recorder import files
from milkbot.recorder.files import Line
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT

_DAY = timedelta(days=1)


@dataclass(slots=True)
class Seen:
    """What was received, in its order, with the moment of each receipt."""

    times: list[datetime] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, at: datetime, value: Any) -> None:
        """Note the next one."""
        self.times.append(at)
        self.values.append(value)

    def until(self, moment: datetime) -> int:
        """How many had been received by then."""
        return bisect_right(self.times, moment)


@dataclass(slots=True)
class Span:
    """What was recorded from the `first` run to the `last`: by market, event or station.

    Of a book all is kept as cents, hundredths of a contract, and so on in turn; a NO bid is the YES ask that it is,
    with negative hundredths.
    """

    series: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    books: dict[str, Seen] = field(default_factory=dict)
    events: dict[str, Seen] = field(default_factory=dict)
    grids: dict[str, Seen] = field(default_factory=dict)
    observations: dict[str, Seen] = field(default_factory=dict)

    def note(self, line: Line, begins: datetime) -> None:
        """Take in a line. What was observed before the span is known in it; what else was, is of no use."""
        if line.kind == "observation":
            self.observations.setdefault(line.key, Seen()).add(line.at, line.body)
        elif line.at < begins:
            return
        elif line.kind == "run":
            self.series = self.series or tuple(line.key.split(","))
            self.first, self.last = self.first or line.at, line.at
        elif line.kind == "book":
            book = self.books.setdefault(line.key, Seen())
            book.add(line.at, book.values[-1] if line.body is None else _levels(line.body))
        elif line.kind in ("event", "grid") and line.body is not None:
            known = self.events if line.kind == "event" else self.grids
            known.setdefault(line.key, Seen()).add(line.at, line.body)


def is_recording(folder: Path) -> bool:
    """Whether the recorder wrote into that folder."""
    return bool(files.days(folder))


def read_span(folder: Path, day: date, days: int) -> Span:
    """The recording from the start of a UTC day to the end of the day after the last, which pays out its events.

    Raises ConfigError for days that were not recorded, and for a file that is not readable.
    """
    begins, span = datetime.combine(day, time(0), UTC), Span()
    wanted = {(day + _DAY * number).isoformat() for number in range(-1, days + 1)}
    for path in (path for home in files.days(folder) if home.name in wanted for path in files.hours(home)):
        try:
            for line in files.read_lines(path):
                span.note(line, begins)
        except (OSError, ValueError, KeyError, IndexError, TypeError, InvalidOperation) as error:
            raise ConfigError(
                [f"--replay {folder}: {path} is not readable: {error}; try milkbot record verify"]
            ) from error
    if span.first is None:
        held = files.days(folder)
        raise ConfigError(
            [f"--replay {folder} holds no run of {day}; choose a --day from {held[0].name} to {held[-1].name}"]
        )
    return span


def recorded_series(folder: Path, day: date) -> tuple[str, ...]:
    """The series of the first run of a day; none where it holds no run."""
    for path in files.hours(folder / day.isoformat()):
        for line in files.read_lines(path):
            if line.kind == "run":
                return tuple(line.key.split(","))
    return ()


def _levels(body: dict[str, Any]) -> array[int]:
    found = array("q")
    for cents, lots in _whole_cents(body.get("yes_dollars")):
        found.extend((cents, lots))
    for cents, lots in _whole_cents(body.get("no_dollars")):
        found.extend((100 - cents, -lots))
    return found


def _whole_cents(side: list[list[str]] | None) -> Iterator[tuple[int, int]]:
    """The levels at whole cents: the simulated exchange has no others."""
    for price, count in side or ():
        cents = Decimal(price) * 100
        if cents == int(cents):
            yield int(cents), int(Decimal(count) * LOTS_PER_CONTRACT)
