"""Recorded events that have settled: their brackets in the order of temperatures, and which of them won."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from milkbot.domain.cities import Series, series_of
from milkbot.domain.markets import Strike, StrikeType
from milkbot.errors import MilkbotError

_TICKER = re.compile(r"-(?P<kind>[BT])(?P<number>-?\d+(?:\.5)?)$")


class DataError(MilkbotError):
    """Recorded data that cannot be scored: the message names the file or the event, the value and what to do."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """One market of a settled event."""

    ticker: str
    strike: Strike
    won: bool


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One series on one climate day, settled. `high`: the official high in whole degrees F, None where not recorded."""

    ticker: str
    series: Series
    day: date
    brackets: tuple[Bracket, ...]
    high: int | None
    opened_at: datetime

    @property
    def winner(self) -> int:
        """The number of the bracket that resolved to YES, from cold to warm."""
        return next(number for number, bracket in enumerate(self.brackets) if bracket.won)

    @property
    def listing_centre(self) -> float | None:
        """The middle of its brackets, known from the listing on."""
        return listing_centre([bracket.strike for bracket in self.brackets])


def listing_centre(strikes: Sequence[Strike]) -> float | None:
    """The mean of the middles of the inner brackets, in degrees F; None for an event without any.

    The exchange sets the brackets around its own forecast when it lists the event.
    """
    middles = [(strike.lower_edge + strike.upper_edge) / 2 for strike in strikes]
    inner = [middle for middle in middles if math.isfinite(middle)]
    return sum(inner) / len(inner) if inner else None


def recorded_event(
    ticker: str, series: str, day: date, brackets: Iterable[Bracket], high: float | None, opened_at: datetime
) -> RecordedEvent:
    """An event whose parts agree. Raises DataError for an unknown series, for brackets that leave a gap or overlap, for
    other than one winner, and for a high that is no whole number or lies in another bracket than the winner.
    """
    try:
        found = series_of(series)
    except KeyError as error:
        raise DataError(f"{ticker}: {error.args[0]}") from None
    ordered = tuple(sorted(brackets, key=lambda one: one.strike.lower_edge))
    edges = [(one.strike.lower_edge, one.strike.upper_edge) for one in ordered]
    if not edges or edges[0][0] != -math.inf or edges[-1][1] != math.inf:
        raise DataError(f"{ticker}: its brackets do not reach to both ends; the list of its markets is not complete")
    for (_, upper), (lower, _), one in zip(edges, edges[1:], ordered[1:], strict=False):
        if upper != lower:
            raise DataError(f"{ticker}: {one.ticker} begins at {lower:g} F, the bracket below ends at {upper:g} F")
    winners = [one for one in ordered if one.won]
    if len(winners) != 1:
        raise DataError(f"{ticker}: {len(winners)} of its markets resolved to yes, expected one; leave the event out")
    if high is not None and high != int(high):
        raise DataError(
            f"{ticker}: its high is {high:g} F; an official high is whole degrees, a fraction comes from a measurement "
            "in Celsius; take the high of the climate report"
        )
    if high is not None and not winners[0].strike.contains(int(high)):
        raise DataError(
            f"{ticker}: its high is {high:g} F, but {winners[0].ticker} resolved to yes; that is the high of another "
            f"station or day, {found.city.station} on {day} is wanted"
        )
    return RecordedEvent(ticker, found, day, ordered, None if high is None else int(high), opened_at)


def strikes_of_tickers(tickers: Iterable[str]) -> dict[str, Strike]:
    """The strikes that the tickers of one event's markets mean, for data that names no others.

    B30.5 is 30 to 31; of the two T the lower is `less`, the upper one `greater`. Raises DataError for anything else.
    """
    found: dict[str, Strike] = {}
    tails: list[tuple[float, str]] = []
    for ticker in tickers:
        match = _TICKER.search(ticker)
        if match is None:
            raise DataError(f"market {ticker}: no strike is in its ticker, expected one such as -B30.5 or -T37")
        number = float(match["number"])
        if match["kind"] == "T":
            tails.append((number, ticker))
        else:
            found[ticker] = Strike(StrikeType.BETWEEN, math.floor(number), math.ceil(number))
    if len(tails) != 2:
        raise DataError(f"markets {', '.join(found)}: {len(tails)} of the event end in T, expected the two tails")
    (low, below), (high, above) = sorted(tails)
    return found | {
        below: Strike(StrikeType.LESS, None, int(low)),
        above: Strike(StrikeType.GREATER, int(high), None),
    }
