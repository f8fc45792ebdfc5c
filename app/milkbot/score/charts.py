"""The exchange's own chart exports (`mia_minute_*/kalshi-price-history-EVENT-minute.csv.gz`): a price a minute.

One column a bracket, named as on the page (`77° or below`, `78° to 79°`, `86° or above`), in percent. A missing minute
or cell is what it was before. The bracket that ends at 99 has won. There are no quotes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from milkbot.domain.markets import Strike, StrikeType, climate_day
from milkbot.domain.units import Price
from milkbot.forecast.inputs import Quote
from milkbot.score.events import Bracket, DataError, RecordedEvent, recorded_event
from milkbot.score.recording import Known, Recording
from milkbot.score.tables import read_rows

CHARTS: Final = "mia_minute_*/kalshi-price-history-*-minute.csv.gz"
WON: Final = Price(Decimal("0.99"))
_FILE = re.compile(r"kalshi-price-history-(?P<series>[a-z]+)-(?P<day>\d\d[a-z]{3}\d\d)-minute\.csv\.gz")
_LABEL = re.compile(r"(?P<low>-?\d+)°(?: to (?P<high>-?\d+)°| or (?P<tail>below|above))")


@dataclass(slots=True)
class _Line:
    """The prices of one bracket, each from its minute on."""

    times: list[datetime] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)


class Charts:
    """The charts of all brackets. A price is taken for the mid; nothing says what a taker could have had."""

    def __init__(self, lines: Mapping[str, _Line]) -> None:
        self._lines = lines

    def known(self, event: RecordedEvent, moment: datetime) -> Sequence[Known]:
        """The price of the last minute before."""
        found = []
        for bracket in event.brackets:
            line = self._lines[bracket.ticker]
            count = bisect_left(line.times, moment)
            price = line.prices[count - 1] if count else None
            found.append(Known() if price is None else Known(Quote(price, price, line.times[count - 1], moment)))
        return found


def read_charts(folder: Path) -> Recording:
    """The events of a folder's charts. Raises DataError for what does not fit together."""
    events: list[RecordedEvent] = []
    lines: dict[str, _Line] = {}
    for path in sorted(folder.glob(CHARTS)):
        event, of_event = _read_event(path)
        events.append(event)
        lines.update(of_event)
    events.sort(key=lambda event: (event.day, event.ticker))
    return Recording("charts", "minute prices of the exchange's chart", tuple(events), Charts(lines))


def _read_event(path: Path) -> tuple[RecordedEvent, dict[str, _Line]]:
    found = _FILE.fullmatch(path.name)
    if found is None:
        raise DataError(f"{path}: its name has no event, expected kalshi-price-history-SERIES-YYmonDD-minute.csv.gz")
    series, ticker = found["series"].upper(), f"{found['series']}-{found['day']}".upper()
    columns: dict[str, _Line] = {}
    for row in read_rows(path, ("timestamp",)):
        try:
            at = datetime.fromisoformat(row.pop("timestamp")).astimezone(UTC)
            for label, percent in row.items():
                line = columns.setdefault(label, _Line())
                if percent:
                    line.times.append(at)
                    line.prices.append(Price(Decimal(percent) / 100))
        except (ValueError, InvalidOperation) as error:
            raise DataError(f"{path}: {row}: {error}") from error
    strikes = {label: _strike(label, path) for label in columns}
    lines = {_ticker(ticker, strikes[label]): line for label, line in columns.items()}
    brackets = [
        Bracket(_ticker(ticker, strikes[label]), strikes[label], bool(line.prices) and line.prices[-1] >= WON)
        for label, line in columns.items()
    ]
    opened_at = min(
        (line.times[0] for line in columns.values() if line.times), default=datetime.max.replace(tzinfo=UTC)
    )
    try:
        return recorded_event(ticker, series, climate_day(ticker), brackets, None, opened_at), lines
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _strike(label: str, path: Path) -> Strike:
    found = _LABEL.fullmatch(label)
    if found is None:
        raise DataError(f"{path}: no bracket is meant by the column {label!r}, expected one such as 78° to 79°")
    low = int(found["low"])
    if found["tail"] == "below":
        return Strike(StrikeType.LESS, None, low + 1)
    if found["tail"] == "above":
        return Strike(StrikeType.GREATER, low - 1)
    return Strike(StrikeType.BETWEEN, low, int(found["high"]))


def _ticker(event: str, strike: Strike) -> str:
    """The market's ticker as the exchange forms it; the charts have none."""
    if strike.kind is StrikeType.BETWEEN and strike.floor is not None and strike.cap is not None:
        return f"{event}-B{(strike.floor + strike.cap) / 2:g}"
    return f"{event}-T{strike.floor if strike.cap is None else strike.cap}"
