"""One run of the recorder: read everything once, and add one stream to the hour's file."""

from __future__ import annotations

import fcntl
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import structlog

from milkbot.domain.cities import City, series_of
from milkbot.domain.clock import Clock
from milkbot.errors import LockHeldError, VenueUnavailableError
from milkbot.recorder import files
from milkbot.recorder.files import Line
from milkbot.recorder.memory import Kind, Memory
from milkbot.release import release_id
from milkbot.venue.errors import UnusableReplyError
from milkbot.venue.rate_limits import Limit
from milkbot.venue.transport import VenueSession
from milkbot.weather.client import WeatherClient
from milkbot.weather.errors import ElsewhereError, NotFoundError
from milkbot.weather.measured import BEFORE

READ_LIMIT: Final = Limit(40, 100)
"""A fifth of what tier Basic may read in a second, and a sixth of its burst: the trader uses the same address."""

_BOOKS_A_CALL: Final = 100
_LONGEST: Final = timedelta(seconds=45)
_MOST_FAILURES: Final = 3
_OF_ONE: Final = (UnusableReplyError, NotFoundError, ElsewhereError)
_CORRECTED_WITHIN: Final = timedelta(hours=2)
_SEALED_DAYS: Final = 3
_log = structlog.get_logger(__name__)

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run wrote: lines by kind, what could not be read, and the days that the limit removed."""

    lines: Counter[str]
    problems: list[str]
    removed: list[str] = field(default_factory=list)


class Recorder:
    """Adds what the exchange and the weather service say of `series` to the recording below `root`."""

    def __init__(
        self, root: Path, venue: VenueSession, weather: WeatherClient, series: Sequence[str], clock: Clock
    ) -> None:
        self._root = root
        self._venue = venue
        self._weather = weather
        self._series = series
        self._clock = clock

    def run(self, limit_bytes: int) -> RunReport:
        """One run. What cannot be read is a line of its own, and does not take the rest with it.

        Raises LockHeldError when another one is under way, OSError when nothing can be written.
        """
        with _locked(self._root):
            began = self._clock.now()
            current = files.hour_file(self._root, began)
            _tidy(self._root, current)
            reading = _Reading(Memory(self._root, began), self._venue, self._weather, self._clock)
            reading.take(self._series)
            problems = [f"{line.key}: {line.body}" for line in reading.lines if line.kind == Kind.PROBLEM]
            body = {"release": release_id(), "lines": len(reading.lines), "problems": len(problems)}
            files.append(current, [*reading.lines, Line(began, Kind.RUN, ",".join(self._series), body)])
            removed = files.remove_oldest(self._root, limit_bytes)
            return RunReport(Counter(line.kind for line in reading.lines), problems, removed)


class _Reading:
    """What one run reads. A service that leaves three reads without an answer, or takes too long, is left alone."""

    def __init__(self, memory: Memory, venue: VenueSession, weather: WeatherClient, clock: Clock) -> None:
        self._memory = memory
        self._venue = venue
        self._weather = weather
        self._clock = clock
        self._began = clock.now()
        self._failures: Counter[str] = Counter()
        self.lines: list[Line] = []

    def take(self, series: Sequence[str]) -> None:
        """Order books as soon as their names are known: everything else is worth as much seconds later."""
        events: dict[str, dict[str, Any]] = {}
        for name in series:
            events |= {
                row["event_ticker"]: row for row in self._exchange(f"/events of {name}", self._open_events, name)
            }
        markets = [market for event in events.values() for market in event.get("markets") or ()]
        tickers = [market["ticker"] for market in markets]
        for start in range(0, len(tickers), _BOOKS_A_CALL):
            self._exchange("/markets/orderbooks", self._books, tickers[start : start + _BOOKS_A_CALL])
        self._exchange("/exchange/status", self._status)
        for ticker in self._memory.unsettled(set(events)):
            self._exchange(f"/events/{ticker}", self._settling, ticker)
        for market in markets:
            self._exchange(f"/markets/trades of {market['ticker']}", self._trades, market)
        for name in series:
            self._exchange(f"/series/{name}", self._fees, name)
        for city in dict.fromkeys(series_of(name).city for name in series):
            self._ask("weather", f"grid of {city.station}", self._grid, city)
            self._ask("weather", f"observations of {city.station}", self._observations, city)

    def _exchange(self, what: str, read: Callable[..., Rows | None], *arguments: Any) -> Rows:
        return self._ask("exchange", what, read, *arguments) or []

    def _ask(self, service: str, what: str, read: Callable[..., Rows | None], *arguments: Any) -> Rows | None:
        if self._failures[service] >= _MOST_FAILURES:
            return None
        try:
            if self._clock.now() - self._began > _LONGEST:
                raise VenueUnavailableError(f"not read: the run had taken {_LONGEST.seconds} seconds by then")
            return read(*arguments)
        except (VenueUnavailableError, ValueError, KeyError, TypeError) as error:
            # A refused or odd object says nothing of the others. A service that does not answer does.
            self._failures[service] += isinstance(error, VenueUnavailableError) and not isinstance(error, _OF_ONE)
            self.lines.append(Line(self._clock.now(), Kind.PROBLEM, what, f"{type(error).__name__}: {error}"))
            return None

    def _state(self, kind: Kind, key: str, body: Any) -> None:
        self.lines.append(self._memory.state(self._clock.now(), kind, key, body))

    def _open_events(self, series: str) -> Rows:
        params = [("series_ticker", series), ("status", "open"), ("with_nested_markets", "true"), ("limit", "200")]
        rows = _named(self._venue.rows("/events", "events", params), "event_ticker")
        for row in rows:
            self._state(Kind.EVENT, row["event_ticker"], row)
        return [{**row, "markets": _named(row.get("markets") or (), "ticker")} for row in rows]

    def _books(self, tickers: Sequence[str]) -> None:
        params = [("tickers", ticker) for ticker in tickers]
        for row in _named(self._venue.rows("/markets/orderbooks", "orderbooks", params), "ticker"):
            if row.get("orderbook_fp") is not None:
                self._state(Kind.BOOK, row["ticker"], row["orderbook_fp"])

    def _status(self) -> None:
        self._state(Kind.STATUS, "exchange", self._venue.read_reply("/exchange/status").json())

    def _settling(self, ticker: str) -> None:
        body = self._object(f"/events/{quote(ticker, safe='')}", "event", [("with_nested_markets", "true")])
        self._state(Kind.EVENT, ticker, body)

    def _fees(self, series: str) -> None:
        """Once an hour: fees change rarely, and are announced."""
        if not self._memory.holds(Kind.SERIES, series):
            self._state(Kind.SERIES, series, self._object(f"/series/{quote(series, safe='')}", "series"))

    def _trades(self, market: dict[str, Any]) -> None:
        """Where the volume has changed since the trades were read last: nobody traded elsewhere."""
        ticker, volume = market["ticker"], str(market.get("volume_fp"))
        if self._memory.tapes.get(ticker, ("0.00",))[0] == volume:
            return
        since = self._memory.trades_from(ticker)
        params = [("ticker", ticker), ("limit", "1000"), *([("min_ts", str(int(since.timestamp())))] if since else [])]
        rows = list(self._venue.rows("/markets/trades", "trades", params))
        at = self._clock.now()
        self.lines += filter(None, (self._memory.fact(at, Kind.TRADE, ticker, row) for row in reversed(rows)))
        self._state(Kind.TAPE, ticker, volume)

    def _grid(self, city: City) -> None:
        """The raw grid of the station's cell. A reply that was kept says nothing new, and its time is that of then."""
        kept = self._weather.grid_reply(city)
        line = self._memory.state(kept.confirmed_at, Kind.GRID, city.station, json.loads(kept.body))
        if line.body is not None or kept.confirmed_at >= self._began:
            self.lines.append(line)

    def _observations(self, city: City) -> None:
        now = self._clock.now()
        last = self._memory.last_run
        begins = city.day_bounds(city.climate_day_at(now))[0] - BEFORE
        start = begins if last is None else min(last, now) - _CORRECTED_WITHIN
        features = self._weather.reports(city, start, now)
        facts = (self._memory.fact(now, Kind.OBSERVATION, city.station, one) for one in reversed(features))
        self.lines += filter(None, facts)

    def _object(self, path: str, name: str, params: Sequence[tuple[str, str]] = ()) -> Any:
        page = self._venue.read(path, params)
        if not isinstance(page, dict) or not isinstance(page.get(name), dict):
            raise ValueError(f"the answer has no object {name!r}")
        return page[name]


def _named(rows: Iterable[object], name: str) -> Rows:
    """The objects that have a name: an odd one is left out, and does not take the others with it."""
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get(name), str)]


def _tidy(root: Path, current: Path) -> None:
    """Cut off what a killed run left, and pack the hours that are over."""
    for day in files.days(root)[-_SEALED_DAYS:]:
        sealed = files.read_sums(day)
        for path in files.hours(day):
            if path.name in sealed:
                continue
            if cut := files.cut_torn_end(path):
                _log.warning("torn end cut off", file=str(path), bytes=cut)
            if path < current:
                files.seal(path)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeldError(f"another run records into {root}; this one ends") from None
        yield
