"""A tape of trades with a table of markets (`cpratim_markets.csv.gz`, `cpratim_trades_*.csv.gz`): no quotes.

What stands for a quote: the last trade of a taker who bought YES is the ask, of one who bought NO the bid, both of the
six hours before the moment. Where either is missing both are the last trade, however old. Trades of one time keep the
order of the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from milkbot.domain.markets import Strike, StrikeType
from milkbot.domain.orders import Leg
from milkbot.domain.units import Count
from milkbot.forecast.inputs import Quote, Trade
from milkbot.score.events import Bracket, DataError, RecordedEvent, recorded_event
from milkbot.score.recording import Known, Recording
from milkbot.score.tables import PER_DOLLAR, dollars, microseconds, moment, read_columns, read_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MARKETS: Final = "cpratim_markets.csv.gz"
TRADES: Final = "cpratim_trades_*.csv.gz"
QUOTE_WINDOW: Final = timedelta(hours=6)
EXECUTABLE: Final = timedelta(hours=1)
"""An offer that was taken longer ago is not counted on: nobody knows whether it is still there."""
LAST_TRADES: Final = 20
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LOTS: Final = 100
_COLUMNS = (
    "series", "date", "event_ticker", "ticker", "strike_type", "floor_strike", "cap_strike",
    "open_time", "result", "expiration_value",
)  # fmt: skip
_TRADE_TYPES = {
    "ticker": "VARCHAR",
    "created_time_utc": "TIMESTAMP",
    "yes_price_cents": "DECIMAL(9,2)",
    "count": "DECIMAL(18,2)",
    "taker_side": "VARCHAR",
}
_TRADE_COLUMNS = {
    "ticker": "ticker",
    "at": "epoch_us(created_time_utc)",
    "price": "CAST(yes_price_cents * 100 AS INTEGER)",
    "lots": "CAST(count * 100 AS BIGINT)",
    "is_yes": "taker_side = 'yes'",
}
_TRADE_CHECK = (
    "ticker <> '' AND created_time_utc IS NOT NULL AND yes_price_cents BETWEEN 0 AND 100 AND count > 0 "
    "AND taker_side IN ('yes', 'no')"
)


@dataclass(frozen=True, slots=True)
class _Side:
    """Trades in time order: microseconds since 1970, and ten-thousandths of a dollar."""

    times: NDArray[np.int64]
    prices: NDArray[np.int32]

    def before(self, moment: int, since: int) -> int | None:
        """The last price strictly before a moment, None where that is older than `since`."""
        found = int(self.times.searchsorted(moment, "left")) - 1
        return int(self.prices[found]) if found >= 0 and self.times[found] >= since else None


@dataclass(frozen=True, slots=True)
class _Market:
    """The trades of one market: all of them, and those of takers who bought YES (asks) and NO (bids)."""

    times: NDArray[np.int64]
    prices: NDArray[np.int32]
    lots: NDArray[np.int64]
    is_yes: NDArray[np.bool_]
    asks: _Side
    bids: _Side

    def known(self, at: datetime) -> Known:
        now = microseconds(at)
        count = int(self.times.searchsorted(now, "left"))
        if not count:
            return Known()
        last = moment(self.times[count - 1])
        ask, bid = (side.before(now, now - _us(QUOTE_WINDOW)) for side in (self.asks, self.bids))
        if ask is None or bid is None:
            ask = bid = int(self.prices[count - 1])
        offered, wanted = (side.before(now, now - _us(EXECUTABLE)) for side in (self.asks, self.bids))
        return Known(
            Quote(dollars(bid), dollars(ask), issued_at=last, received_at=at),
            None if wanted is None else dollars(wanted),
            None if offered is None else dollars(offered),
            tuple(self._trade(number) for number in range(max(0, count - LAST_TRADES), count)),
        )

    def _trade(self, number: int) -> Trade:
        at = moment(self.times[number])
        return Trade(
            dollars(self.prices[number]),
            Count(Decimal(int(self.lots[number])) / _LOTS),
            Leg.YES if self.is_yes[number] else Leg.NO,
            issued_at=at,
            received_at=at,
        )


@dataclass(frozen=True, slots=True)
class Traded:
    """Trades of one market: prices for YES in dollars, contracts, and whether the taker bought YES."""

    prices: NDArray[np.float64]
    counts: NDArray[np.float64]
    is_yes: NDArray[np.bool_]


class Tape:
    """All trades, by market. A quote made of them is received at the moment, as one who reads an order book then."""

    def __init__(self, markets: Mapping[str, _Market]) -> None:
        self._markets = markets

    def known(self, event: RecordedEvent, moment: datetime) -> Sequence[Known]:
        """For each bracket what the tape says, as the module's docstring has it."""
        found = (self._markets.get(bracket.ticker) for bracket in event.brackets)
        return [Known() if market is None else market.known(moment) for market in found]

    def traded(self, ticker: str, start: datetime, end: datetime) -> Traded:
        """What was traded of a market from `start` on and before `end`, oldest first."""
        market = self._markets[ticker]
        first, last = market.times.searchsorted([microseconds(start), microseconds(end)], "left")
        part = slice(int(first), int(last))
        return Traded(market.prices[part] / PER_DOLLAR, market.lots[part] / _LOTS, market.is_yes[part])


def read_tape(folder: Path) -> Recording:
    """The events of a folder's table of markets with their tape. Raises DataError for what does not fit together."""
    events = _events(folder / MARKETS)
    files = sorted(folder.glob(TRADES))
    if not files:
        raise DataError(f"{folder} holds {MARKETS} but no {TRADES}; put the trades next to it")
    wanted = {bracket.ticker for event in events for bracket in event.brackets}
    markets = {ticker: market for path in files for ticker, market in _trades(path, wanted)}
    silent = {event.series.ticker for event in events if not any(one.ticker in markets for one in event.brackets)}
    traded = {event.series.ticker for event in events if any(one.ticker in markets for one in event.brackets)}
    if silent - traded:
        raise DataError(f"{folder}: no trade of {', '.join(sorted(silent - traded))}; put its {TRADES} there")
    return Recording("tape", "trades of settled events", events, Tape(markets))


def _events(path: Path) -> tuple[RecordedEvent, ...]:
    rows: dict[str, list[dict[str, str]]] = {}
    for row in read_rows(path, _COLUMNS):
        rows.setdefault(row["event_ticker"], []).append(row)
    if not rows:
        raise DataError(f"{path} holds no market; copy it again")
    settled = {ticker: markets for ticker, markets in rows.items() if any(row["result"] for row in markets)}
    if not settled:
        raise DataError(f"{path} holds no event that has settled; wait until the markets have a result")
    found = [_event(ticker, markets) for ticker, markets in settled.items()]
    return tuple(sorted(found, key=lambda event: (event.day, event.ticker)))


def _event(ticker: str, markets: Sequence[dict[str, str]]) -> RecordedEvent:
    try:
        brackets = [Bracket(row["ticker"], _strike(row), row["result"] == "yes") for row in markets]
        values = (_NUMBER.match(row["expiration_value"]) for row in markets)
        return recorded_event(
            ticker,
            markets[0]["series"],
            date.fromisoformat(markets[0]["date"]),
            brackets,
            next((float(value[0]) for value in values if value), None),
            min(datetime.fromisoformat(row["open_time"]) for row in markets).astimezone(UTC),
        )
    except ValueError as error:
        raise DataError(f"{ticker}: {error}") from error


def _strike(row: Mapping[str, str]) -> Strike:
    floor, cap = (_whole(row, name) if row[name] else None for name in ("floor_strike", "cap_strike"))
    return Strike(StrikeType(row["strike_type"]), floor, cap)


def _whole(row: Mapping[str, str], name: str) -> int:
    number = float(row[name])
    if not number.is_integer():
        raise ValueError(f"{row['ticker']} has {name} {row[name]}, expected whole degrees")
    return int(number)


def _trades(path: Path, wanted: Collection[str]) -> Iterator[tuple[str, _Market]]:
    import numpy as np  # noqa: PLC0415 - only who scores pays for its import

    read = read_columns(path, _TRADE_TYPES, _TRADE_COLUMNS, _TRADE_CHECK)
    names = {name: number for number, name in enumerate(sorted(wanted))}
    number = np.fromiter((names.get(ticker, -1) for ticker in read["ticker"]), np.int64, len(read["ticker"]))
    order = np.lexsort((read["at"], number))
    order = order[number[order] >= 0]
    number, at, price, lots, is_yes = (
        one[order] for one in (number, *(read[key] for key in _TRADE_COLUMNS if key != "ticker"))
    )
    bounds = np.flatnonzero(np.diff(number, prepend=-1, append=-1))
    by_number = {value: name for name, value in names.items()}
    for start, end in pairwise(bounds):
        part = slice(start, end)
        yes = is_yes[part]
        sides = (_Side(at[part][chosen], price[part][chosen]) for chosen in (yes, ~yes))
        yield by_number[int(number[start])], _Market(at[part], price[part], lots[part], yes, *sides)


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
