"""A recorder on a simulated exchange without sockets, and recordings that a test writes line by line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
from tests.exchange import Keys
from tests.fakes import Unhurried
from tests.in_process import ONCE, ORIGIN, Venue, opened_venue

from milkbot.recorder import files
from milkbot.recorder.files import Line, hour_file
from milkbot.recorder.memory import Kind
from milkbot.recorder.run import Recorder, RunReport
from milkbot.venue.transport import VenueSession
from milkbot.weather.client import WeatherClient

NOON = datetime(2026, 8, 3, 16, 0, tzinfo=UTC)
NEW_YORK = ("KXHIGHNY",)
PLENTY = 10**12
GOOD = {"release": "dev", "lines": 0, "problems": 0}


class Watched(httpx2.BaseTransport):
    """The way to the exchange; `headers` are the names of those that went over it."""

    def __init__(self, wire: httpx2.BaseTransport) -> None:
        self._wire = wire
        self.headers: set[str] = set()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.headers.update(name.lower() for name in request.headers)
        return self._wire.handle_request(request)


class Station:
    """An exchange, and a recorder of its New York series that a test lets run."""

    def __init__(self, venue: Venue, root: Path) -> None:
        self.venue = venue
        self.root = root
        self.wire = Watched(venue.wire)

    def record(self, minutes: float = 0, *, limit_bytes: int = PLENTY, series: tuple[str, ...] = NEW_YORK) -> RunReport:
        """Let time pass, then run once, as a process of its own would."""
        self.venue.advance_to(self.venue.now() + timedelta(minutes=minutes))
        clock = Unhurried(self.venue.now)
        session = VenueSession(f"{ORIGIN}/trade-api/v2", None, clock, self.wire, ONCE)
        weather = WeatherClient(f"{ORIGIN}/nws", "milkbot tests", clock, 0, self.wire, backoff=ONCE)
        return Recorder(self.root, session, weather, series, clock).run(limit_bytes)

    def lines(self, kind: Kind) -> list[Line]:
        """Every line of a kind in the whole recording."""
        found = [path for day in files.days(self.root) for path in files.hours(day)]
        return [line for path in found for line in files.read_lines(path) if line.kind == kind]


@contextmanager
def opened_station(directory: Path, keys: Keys, start: datetime = NOON) -> Iterator[Station]:
    """A new exchange, and nothing recorded yet."""
    with opened_venue(directory / "state", keys, start=start) as venue:
        yield Station(venue, directory / "recording")


def write_run(root: Path, at: datetime, *lines: Line) -> Path:
    """Add a run that read these lines."""
    path = hour_file(root, at)
    files.append(path, [*lines, Line(at, Kind.RUN, "KXHIGHNY", GOOD)])
    return path


def book(at: datetime, cents: int | None, key: str = "KXHIGHNY-26AUG03-B83.5") -> Line:
    """An order book with one bid, or the confirmation of the one before."""
    body = None if cents is None else {"yes_dollars": [[f"0.{cents:02}00", "10.00"]], "no_dollars": []}
    return Line(at, Kind.BOOK, key, body)
