"""What `milkbot record` kept: order books, trades, forecasts and measurements by their receipt, results.

Everything is known from its receipt on. A forecast of a low is that of its receipt: hours that were over then do not
count in it. Events without a result are left out, and so are series that cities.toml does not list.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any, Final

from milkbot.domain.cities import City, Extreme, all_series, cities
from milkbot.domain.markets import Strike, StrikeType, climate_day
from milkbot.domain.orders import Leg
from milkbot.domain.units import count, price
from milkbot.forecast.inputs import Measurements, PointForecast, Quote, Reading, Trade
from milkbot.recorder import files
from milkbot.recorder.files import Line
from milkbot.score.events import Bracket, DataError, RecordedEvent, recorded_event
from milkbot.score.quotes import SERVICE
from milkbot.score.recording import Known, Recording
from milkbot.score.tables import PER_DOLLAR, dollars, microseconds, moment
from milkbot.score.tape import LAST_TRADES
from milkbot.weather import wire
from milkbot.weather.cells import check_cell
from milkbot.weather.errors import ElsewhereError
from milkbot.weather.measured import BEFORE, measured
from milkbot.weather.replies import high_of_day, low_now, observation
from milkbot.weather.values import Observation

DAYS: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
EXECUTABLE: Final = timedelta(minutes=5)
"""A book that was read longer ago says nothing of what a taker has now. The recorder reads each minute."""
_DAYS_AHEAD: Final = 3
_WHOLE = re.compile(r"-?\d+(?:\.0+)?")


@dataclass(slots=True)
class _Book:
    """One market: microseconds of each run, best bid and ask then in ten-thousandths, 0 and 10,000 for none."""

    times: array[int] = field(default_factory=lambda: array("q"))
    bids: array[int] = field(default_factory=lambda: array("i"))
    asks: array[int] = field(default_factory=lambda: array("i"))
    traded_at: list[int] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)

    def note(self, line: Line) -> None:
        """A run's book; without a body it is that of the run before, if that can be read."""
        if line.body is None and not self.bids:
            return
        self.times.append(microseconds(line.at))
        if line.body is None:
            self.bids.append(self.bids[-1])
            self.asks.append(self.asks[-1])
            return
        bid, no_bid = (_best(line.body.get(side)) for side in ("yes_dollars", "no_dollars"))
        self.bids.append(bid)
        self.asks.append(PER_DOLLAR - no_bid)

    def known(self, at: datetime) -> Known:
        """What had been received before the moment."""
        now = microseconds(at)
        until = bisect_left(self.traded_at, now)
        trades = tuple(self.trades[max(0, until - LAST_TRADES) : until])
        read = bisect_left(self.times, now)
        if not read:
            return Known(trades=trades)
        seen = moment(self.times[read - 1])
        bid = dollars(self.bids[read - 1]) if self.bids[read - 1] else None
        ask = dollars(self.asks[read - 1]) if self.asks[read - 1] != PER_DOLLAR else None
        quote = Quote(bid, ask, seen, seen)
        return Known(quote, bid, ask, trades) if at - seen <= EXECUTABLE else Known(quote, trades=trades)


@dataclass(slots=True)
class _Kept:
    """Everything of a recording that is scored, by market, event or station."""

    books: dict[str, _Book] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    forecasts: dict[tuple[str, Extreme, object], list[PointForecast]] = field(default_factory=dict)
    reported_at: dict[str, list[int]] = field(default_factory=dict)
    reports: dict[str, list[Observation]] = field(default_factory=dict)

    def note(self, line: Line, stations: Mapping[str, City]) -> None:
        """Take in a line."""
        if line.kind == "book":
            self.books.setdefault(line.key, _Book()).note(line)
        elif line.kind == "trade":
            book = self.books.setdefault(line.key, _Book())
            book.traded_at.append(microseconds(line.at))
            book.trades.append(_trade(line))
        elif line.kind == "event" and line.body is not None:
            self.events[line.key] = line.body
        elif line.kind == "grid" and line.body is not None and line.key in stations:
            self._note_grid(line, stations[line.key])
        elif line.kind == "observation":
            seen = observation(line.body, line.key)
            if seen is not None:
                self.reported_at.setdefault(line.key, []).append(microseconds(line.at))
                self.reports.setdefault(line.key, []).append(seen)

    def _note_grid(self, line: Line, city: City) -> None:
        reply = wire.GridReply.model_validate(line.body)
        try:
            check_cell(city, line.key, reply.geometry)
        except ElsewhereError:
            return
        layers = reply.properties
        issued_at = layers.update_time.astimezone(UTC)
        today = city.climate_day_at(line.at)
        for day in (today + timedelta(days=ahead) for ahead in range(_DAYS_AHEAD)):
            for extreme, read in ((Extreme.HIGH, high_of_day), (Extreme.LOW, partial(low_now, now=line.at))):
                found = read(layers, city, day)
                if found is not None:
                    issued = PointForecast(SERVICE, found.degrees_f, found.falls_at, issued_at, line.at)
                    self.forecasts.setdefault((city.station, extreme, day), []).append(issued)

    def known(self, event: RecordedEvent, moment: datetime) -> Sequence[Known]:
        """What had been received of each bracket."""
        return [self.books.get(bracket.ticker, _Book()).known(moment) for bracket in event.brackets]

    def measured(self, event: RecordedEvent, at: datetime) -> Measurements | None:
        """What had been received of the station's reports of the day, judged as the trader judges them."""
        city = event.series.city
        start, end = city.day_bounds(event.day)
        until = bisect_left(self.reported_at.get(city.station, []), microseconds(at))
        if at < start or not until:
            return None
        received = self.reports[city.station][:until]
        of_day = {one.observed_at: one for one in received if start - BEFORE <= one.observed_at < end}
        judged = measured([of_day[key] for key in sorted(of_day)], city, start)
        if judged.newest is None:
            return None
        readings = tuple(Reading(one.temperature_f, one.observed_at) for one in judged.kept)
        received_at = moment(self.reported_at[city.station][until - 1])
        return Measurements(judged.so_far(event.series.extreme), readings, judged.newest.observed_at, received_at)


def read_recorded(folder: Path) -> Recording:
    """A recording of `milkbot record`. Raises DataError for a file that is not readable, and where nothing settled."""
    kept, stations = _Kept(), {city.station: city for city in cities()}
    for path in (path for day in files.days(folder) for path in files.hours(day)):
        try:
            for line in files.read_lines(path):
                kept.note(line, stations)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, InvalidOperation) as error:
            raise DataError(f"{path} is not readable: {error}; try milkbot record verify") from error
    events = sorted(_events(kept.events), key=lambda event: (event.day, event.ticker))
    if not events:
        raise DataError(f"{folder} holds no event that has settled; record on until the markets have a result")
    forecasts = {
        event.ticker: kept.forecasts.get((event.series.city.station, event.series.extreme, event.day), [])[::-1]
        for event in events
    }
    return Recording("recorder", "what milkbot record kept", tuple(events), kept, forecasts, kept.measured)


def _events(bodies: Mapping[str, dict[str, Any]]) -> Iterator[RecordedEvent]:
    listed = {series.ticker for series in all_series()}
    for ticker, body in bodies.items():
        markets = body.get("markets") or []
        results = [market.get("result") for market in markets]
        if body["series_ticker"] not in listed or results.count("yes") != 1 or set(results) - {"yes", "no"}:
            continue
        try:
            brackets = [Bracket(row["ticker"], _strike(row), row["result"] == "yes") for row in markets]
            opened_at = min(datetime.fromisoformat(row["open_time"]) for row in markets)
            winner = next(one for one in brackets if one.won)
            values = [row.get("expiration_value") or "" for row in markets]
            highs = [float(value) for value in values if _WHOLE.fullmatch(value)]
            high = next((value for value in highs if winner.strike.contains(int(value))), None)
            day = climate_day(ticker)
        except (ValueError, LookupError, TypeError) as error:
            raise DataError(f"event {ticker} is not understood: {error}; leave its lines out") from error
        yield recorded_event(ticker, body["series_ticker"], day, brackets, high, opened_at.astimezone(UTC))


def _strike(market: Mapping[str, Any]) -> Strike:
    floor, cap = (market.get(name) for name in ("floor_strike", "cap_strike"))
    return Strike(
        StrikeType(market["strike_type"]), None if floor is None else int(floor), None if cap is None else int(cap)
    )


def _best(levels: Sequence[Sequence[str]] | None) -> int:
    """The best price of a side in ten-thousandths of a dollar, 0 for an empty one."""
    prices = (int(Decimal(level) * PER_DOLLAR) for level, lots in levels or () if Decimal(lots) > 0)
    return max(prices, default=0)


def _trade(line: Line) -> Trade:
    body = line.body
    taker = body.get("taker_outcome_side") or body["taker_side"]
    issued_at = datetime.fromisoformat(body["created_time"]).astimezone(UTC)
    return Trade(price(body["yes_price_dollars"]), count(body["count_fp"]), Leg(taker), issued_at, line.at)
