"""Small invented data in the form of the recorded data: a tape, quotes with forecasts, and charts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from milkbot.domain.cities import series_of
from milkbot.domain.markets import Strike, StrikeType, event_ticker
from milkbot.score.events import Bracket, RecordedEvent, recorded_event
from milkbot.score.load import load
from milkbot.score.recording import Recording

DAY = date(2024, 11, 20)
SERIES = "KXHIGHNY"
EVENT = event_ticker(SERIES, DAY)
LADDER = (
    Strike(StrikeType.LESS, cap=50),
    Strike(StrikeType.BETWEEN, 50, 51),
    Strike(StrikeType.BETWEEN, 52, 53),
    Strike(StrikeType.BETWEEN, 54, 55),
    Strike(StrikeType.BETWEEN, 56, 57),
    Strike(StrikeType.GREATER, 57),
)
ODD = (
    Strike(StrikeType.LESS, cap=41),
    Strike(StrikeType.BETWEEN, 41, 41),
    Strike(StrikeType.BETWEEN, 42, 46),
    Strike(StrikeType.BETWEEN, 47, 48),
    Strike(StrikeType.BETWEEN, 49, 58),
    Strike(StrikeType.GREATER, 58),
)
"""Six brackets of five widths."""
TWO = (Strike(StrikeType.LESS, cap=50), Strike(StrikeType.GREATER, 49))

_MARKET_COLUMNS = (
    "series,date,event_ticker,ticker,strike_type,floor_strike,cap_strike,open_time,result,expiration_value"
)
_TRADE_COLUMNS = "ticker,created_time_utc,yes_price_cents,count,taker_side"
_QUOTE_COLUMNS = "timestamp,market_ticker,best_yes_bid,best_no_bid,implied_no_ask,implied_yes_ask"

Trades = Sequence[tuple[str, str, str, str]]
"""Ticker, time in UTC, YES price in cents, leg of the taker."""


def market_ticker(event: str, strike: Strike) -> str:
    """As the exchange forms it."""
    if strike.floor is not None and strike.cap is not None:
        return f"{event}-B{(strike.floor + strike.cap) / 2:g}"
    return f"{event}-T{strike.floor if strike.cap is None else strike.cap}"


def event(
    strikes: Sequence[Strike] = LADDER, high: float | None = 54, day: date = DAY, series: str = SERIES
) -> RecordedEvent:
    """An event that settled at a high, listed at 10:00 New York time the day before."""
    ticker = event_ticker(series, day)
    listed = series_of(series).city.day_bounds(day)[0] - timedelta(hours=14)
    brackets = [Bracket(market_ticker(ticker, one), one, one.contains(int(high or 54))) for one in strikes]
    return recorded_event(ticker, series, day, brackets, high, listed)


def write(path: Path, lines: Iterable[str]) -> None:
    """A gzipped text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def tape(folder: Path, trades: Trades, *events: RecordedEvent, high: str | None = None) -> Recording:
    """A table of markets with a tape of trades, as it is read back. `high`: what the winners say that it was."""
    listed = events or (event(),)
    rows = [
        ",".join(
            (
                one.series.ticker,
                one.day.isoformat(),
                one.ticker,
                bracket.ticker,
                bracket.strike.kind,
                "" if bracket.strike.floor is None else f"{bracket.strike.floor:.1f}",
                "" if bracket.strike.cap is None else f"{bracket.strike.cap:.1f}",
                f"{one.opened_at:%Y-%m-%dT%H:%M:%SZ}",
                "yes" if bracket.won else "no",
                (high if high is not None else f"{one.high}.00") if bracket.won else "",
            )
        )
        for one in listed
        for bracket in one.brackets
    ]
    write(folder / "cpratim_markets.csv.gz", [_MARKET_COLUMNS, *rows])
    lines = [f"{ticker},{at},{cents},3,{side}" for ticker, at, cents, side in trades]
    write(folder / "cpratim_trades_sample.csv.gz", [_TRADE_COLUMNS, *lines])
    (found,) = load(folder)
    return found


def quotes(
    folder: Path,
    rows: Sequence[tuple[str, str, str, str]],
    *,
    day: date = DAY,
    strikes: Sequence[Strike] = LADDER,
    high: float = 54.0,
    station: str = "NYC",
    issues: Sequence[tuple[str, int]] = (),
) -> Recording:
    """Quotes of one event: time of the recorder, market, YES bid and NO bid in cents. Every market has one at first."""
    ticker = event_ticker(SERIES, day)
    start = f"{rows[0][0] if rows else day.isoformat() + 'T00:00:00'}"
    known = {row[1] for row in rows}
    others = [
        (start, market_ticker(ticker, one), "0", "0") for one in strikes if market_ticker(ticker, one) not in known
    ]
    history = folder / "history"
    lines = [
        f"{at},{market},{yes},{no},{100 - float(yes):g},{100 - float(no):g}" for at, market, yes, no in [*others, *rows]
    ]
    write(history / "nyc_quotes_sample" / f"market_data_{ticker}.csv.gz", [_QUOTE_COLUMNS, *lines])
    issued = [f"{day},{at},{degrees}" for at, degrees in issues]
    (history / f"ndfd_nyc_maxt_{day:%Y-%m}.csv").write_text(
        "\n".join(["target_date,issue_time_utc,ndfd_max_f", *issued])
    )
    (folder / "api_iem").mkdir(exist_ok=True)
    row = {"station": station, "date": day.isoformat(), "max_tmpf": high}
    (folder / "api_iem" / f"daily_nyc_{day:%Y_%m}.json").write_text(json.dumps({"data": [row]}))
    (found,) = load(folder)
    return found


def charts(folder: Path, lines: Sequence[str], *, day: date = DAY, name: str = "kxhighmia") -> Recording:
    """A chart of one event, its first line the header."""
    label = event_ticker(name, day).lower().replace(f"{name}-", "")
    write(folder / "mia_minute_sample" / f"kalshi-price-history-{name}-{label}-minute.csv.gz", lines)
    (found,) = load(folder)
    return found


def utc(text: str) -> datetime:
    """A moment from its text in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
