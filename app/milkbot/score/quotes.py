"""Recorded best quotes (`nyc_quotes_*/market_data_EVENT.csv.gz`) with the forecasts that were issued beside them.

One file an event, a row at each change of a market: local time of the recorder (US Pacific, without an offset), best
bids of both legs in cents, 0 for none. Next to the folder of quotes `ndfd_CITY_maxt_YYYY-MM.csv` has the weather
service's forecasts by issue time, `../api_iem/daily_CITY_YYYY_MM.json` the official highs. Strikes are in the tickers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from milkbot.domain.cities import City, series_of
from milkbot.domain.markets import climate_day
from milkbot.domain.units import Price
from milkbot.forecast.inputs import PointForecast, Quote
from milkbot.score.events import Bracket, DataError, RecordedEvent, recorded_event, strikes_of_tickers
from milkbot.score.recording import HOTTEST, Known, Recording
from milkbot.score.tables import PER_DOLLAR, dollars, microseconds, moment, read_columns, read_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUOTES: Final = "nyc_quotes_*/market_data_*.csv.gz"
SERVICE: Final = "nws"
"""The source as the trader names it: the grid of NDFD is what the weather service's own API serves."""
RECORDER_ZONE: Final = "America/Los_Angeles"
SILENCE: Final = timedelta(minutes=60)
"""Six markets never stand still that long: the recorder was away, and what it had seen last is old."""
DECIDED: Final = 9_500
"""A mid above this, in ten-thousandths of a dollar, at the end of a recording: that bracket has won."""
_FILE = re.compile(r"market_data_(?P<event>(?P<series>[A-Z]+)-\w+)\.csv\.gz")
_ISSUE_MINUTE: Final = timedelta(minutes=1)
"""Issue times are whole minutes, and may have been up to one later."""
_TYPES = {
    "timestamp": "TIMESTAMP",
    "market_ticker": "VARCHAR",
    "best_yes_bid": "DECIMAL(9,2)",
    "best_no_bid": "DECIMAL(9,2)",
    "implied_no_ask": "DECIMAL(9,2)",
    "implied_yes_ask": "DECIMAL(9,2)",
}
_COLUMNS = {
    "ticker": "market_ticker",
    "at": f"epoch_us(timezone('{RECORDER_ZONE}', timestamp))",
    "bid": "CAST(best_yes_bid * 100 AS INTEGER)",
    "ask": "CAST(10000 - best_no_bid * 100 AS INTEGER)",
}
_CHECK = (
    "market_ticker <> '' AND timestamp IS NOT NULL AND best_yes_bid BETWEEN 0 AND 100 AND best_no_bid BETWEEN 0 AND 100"
)


@dataclass(frozen=True, slots=True)
class _Book:
    """The best quotes of one market: microseconds since 1970, ten-thousandths of a dollar, 0 and 10,000 for none."""

    times: NDArray[np.int64]
    bids: NDArray[np.int32]
    asks: NDArray[np.int32]

    def count(self, now: int) -> int:
        """How many changes were strictly before a moment."""
        return int(self.times.searchsorted(now, "left"))


class Quotes:
    """The best quotes of all markets."""

    def __init__(self, books: Mapping[str, _Book]) -> None:
        self._books = books

    def known(self, event: RecordedEvent, moment: datetime) -> Sequence[Known]:
        """The quotes that stood. While the recorder ran they are received at the moment, as by one who reads the order
        book then; after a silence of all markets, when they were recorded.
        """
        now = microseconds(moment)
        books = [self._books[bracket.ticker] for bracket in event.brackets]
        newest = max((int(book.times[book.count(now) - 1]) for book in books if book.count(now)), default=0)
        is_fresh = now - newest <= SILENCE // timedelta(microseconds=1)
        return [_known(book, now, moment if is_fresh else None) for book in books]


def _known(book: _Book, now: int, received_at: datetime | None) -> Known:
    count = book.count(now)
    if not count:
        return Known()
    issued_at = moment(book.times[count - 1])
    bid = _price(book.bids[count - 1], none=0)
    ask = _price(book.asks[count - 1], none=PER_DOLLAR)
    quote = Quote(bid, ask, issued_at, received_at or issued_at)
    return Known(quote, bid, ask) if received_at else Known(quote)


def _price(parts: int, none: int) -> Price | None:
    return None if parts == none else dollars(parts)


def read_quotes(folder: Path) -> Recording:
    """The recorded events of a folder. Raises DataError for what does not fit together."""
    events, books, forecasts = [], {}, {}
    for path in sorted(folder.glob(QUOTES)):
        event, of_markets = _read_event(path, folder)
        events.append(event)
        books.update(of_markets)
        forecasts[event.ticker] = tuple(_issues(folder, event))
    events.sort(key=lambda event: (event.day, event.ticker))
    return Recording("quotes", "best quotes at each change", tuple(events), Quotes(books), forecasts)


def _read_event(path: Path, folder: Path) -> tuple[RecordedEvent, dict[str, _Book]]:
    import numpy as np  # noqa: PLC0415 - only who scores pays for its import

    found = _FILE.fullmatch(path.name)
    if found is None:
        raise DataError(f"{path}: its name has no event, expected market_data_SERIES-YYMONDD.csv.gz")
    try:
        city, day = series_of(found["series"]).city, climate_day(found["event"])
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}: {error.args[0]}") from None
    read = read_columns(path, _TYPES, _COLUMNS, _CHECK)
    books = {}
    for ticker in sorted(set(read["ticker"])):
        mine = np.flatnonzero(read["ticker"] == ticker)
        mine = mine[np.argsort(read["at"][mine], kind="stable")]
        books[ticker] = _Book(read["at"][mine], read["bid"][mine], read["ask"][mine])
    high = official_high(folder.parent / "api_iem", city, day)
    brackets = [
        Bracket(ticker, strike, strike.contains(int(high))) for ticker, strike in strikes_of_tickers(books).items()
    ]
    opened_at = moment(min(int(book.times[0]) for book in books.values()))
    event = recorded_event(found["event"], found["series"], day, brackets, high, opened_at)
    _agrees_with_the_market(event, books, path)
    return event, books


def _agrees_with_the_market(event: RecordedEvent, books: Mapping[str, _Book], path: Path) -> None:
    """Raises DataError where the market ended on another bracket than the official high is in."""
    for bracket in event.brackets:
        book = books[bracket.ticker]
        if not bracket.won and int(book.bids[-1]) + int(book.asks[-1]) > 2 * DECIDED:
            raise DataError(
                f"{path}: the market ended on {bracket.ticker}, the high of {event.high} F is in "
                f"{event.brackets[event.winner].ticker}; that is the high of another station or day, "
                f"{event.series.city.station} on {event.day} is wanted"
            )


def official_high(folder: Path, city: City, day: date) -> float:
    """The high of a city's climate report, in degrees F. Raises DataError where it is not there."""
    path = folder / f"daily_{city.code.lower()}_{day:%Y_%m}.json"
    try:
        rows = json.loads(path.read_text("utf-8"))["data"]
        of_day = [row for row in rows if row["date"] == day.isoformat() and row["max_tmpf"] is not None]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not readable: {error}; put the official highs there") from error
    for row in of_day:
        if row["station"] not in (city.station, city.station[1:]):
            raise DataError(f"{path}: it is of station {row['station']}, but {city.code} settles by {city.station}")
        return float(row["max_tmpf"])
    raise DataError(f"{path}: it has no high of {day}; add it, or leave the event out")


def _issues(folder: Path, event: RecordedEvent) -> Iterator[PointForecast]:
    """The forecasts of the event's own city for its day, newest first."""
    city = event.series.city
    path = folder / f"ndfd_{city.code.lower()}_maxt_{event.day:%Y-%m}.csv"
    if not path.is_file():
        return
    falls_at = city.day_bounds(event.day)[0] + HOTTEST
    found = []
    for row in read_rows(path, ("target_date", "issue_time_utc", "ndfd_max_f")):
        if row["target_date"] != event.day.isoformat():
            continue
        try:
            issued_at = datetime.fromisoformat(row["issue_time_utc"]).astimezone(UTC)
            degrees = float(row["ndfd_max_f"])
        except ValueError as error:
            raise DataError(f"{path}: {row}: {error}") from error
        found.append(PointForecast(SERVICE, degrees, falls_at, issued_at, issued_at + _ISSUE_MINUTE))
    yield from sorted(found, key=lambda one: one.issued_at, reverse=True)
