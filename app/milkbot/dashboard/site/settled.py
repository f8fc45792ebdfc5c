"""How a city's days ended: what was official, how every market of them came out, and what ours brought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from milkbot import amounts
from milkbot.analytics.service.market_schemas import Market, MarketResult, Markets, Results
from milkbot.analytics.service.schemas import Striking
from milkbot.dashboard import wording
from milkbot.domain.orders import Leg


@dataclass(frozen=True, slots=True)
class MarketLine:
    """One market of a day. `ours` is what we did with it, empty where we traded none."""

    degrees: str
    ticker: str
    result: str
    ours: str


@dataclass(frozen=True, slots=True)
class SettledLine:
    """A city's high or low of a day that ended. `result` is None where nothing of ours is settled: `pending` says
    whether something was traded.
    """

    event: str
    title: str
    official: str
    source: str
    settled_at: datetime | None
    corrected: str
    corrected_at: datetime | None
    right: str
    ours: str
    trades: int
    result: Decimal | None
    pending: bool
    markets: tuple[MarketLine, ...]


_Row = TypeVar("_Row", Market, MarketResult)


def settled_lines(markets: Markets, results: Results) -> list[SettledLine]:
    """The events that have a result, newest first, held or not.

    Where an answer is only its first page, what it may have cut is left out: an event of which some markets are on the
    next page, and one that is older than the oldest trades that were read: it would be said that it was not traded.
    """
    traded, said = _by_event(markets.markets), _by_event(results.results)
    if results.next_cursor and said:
        said.popitem()
    oldest = min((market.climate_day for market in markets.markets), default=date.min)
    since = oldest if markets.next_cursor else date.min
    events = {event: rows[0].climate_day for event, rows in said.items() if rows[0].climate_day >= since}
    events |= {event: rows[0].climate_day for event, rows in traded.items() if any(row.result for row in rows)}
    newest_first = sorted(events, key=lambda event: (-events[event].toordinal(), event))
    return [_settled(event, traded.get(event, ()), said.get(event, ())) for event in newest_first]


def _by_event(rows: Iterable[_Row]) -> dict[str, list[_Row]]:
    """The rows of each event, in their order."""
    found: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.event_ticker].append(row)
    return dict(found)


def _settled(event: str, traded: Sequence[Market], said: Sequence[MarketResult]) -> SettledLine:
    rows: list[Market | MarketResult] = [*said, *traded]
    first = rows[0]
    paid = [market for market in traded if market.result is not None]
    official = next((row.official_value for row in rows if row.official_value is not None), None)
    known: Sequence[Market | MarketResult] = said or paid
    corrected = next((row for row in said if row.corrected_at is not None), None)
    mine = {market.ticker: _held(market) for market in traded}
    return SettledLine(
        event=event,
        title=f"{wording.day(first.climate_day)}, {first.measure or 'temperature'}",
        official=amounts.NOTHING if official is None else f"{official:.0f} °F",
        source=next((row.source for row in said if row.source), ""),
        settled_at=next((row.settled_at for row in known if row.settled_at is not None), None),
        corrected=_before(corrected) if corrected else "",
        corrected_at=corrected.corrected_at if corrected else None,
        right=next((wording.bracket(row) for row in known if row.result == Leg.YES), ""),
        ours="; ".join(f"{mine[market.ticker]} of {wording.bracket(market)}" for market in traded if market.held_leg)
        or ("all sold before" if traded else ""),
        trades=sum(market.trades for market in traded),
        result=sum((market.realized_pnl for market in paid), Decimal(0)) if paid else None,
        pending=bool(traded) and not paid,
        markets=tuple(
            MarketLine(_degrees(row), row.ticker, row.result, mine.get(row.ticker, ""))
            for row in sorted(said, key=_edge)
        ),
    )


def _held(market: Market) -> str:
    return f"{market.held_leg.upper()} {amounts.contracts(market.held)}" if market.held_leg else "all sold"


def _before(row: MarketResult) -> str:
    """What the exchange had said first."""
    if row.first_official_value is not None and row.first_official_value != row.official_value:
        return f"{row.first_official_value:.0f} °F"
    return f"{_degrees(row)}: {row.first_result}"


def _degrees(market: Striking) -> str:
    strike = wording.strike_of(market)
    return wording.degrees(strike) if strike else market.ticker.rsplit("-", 1)[-1]


def _edge(market: Striking) -> float:
    strike = wording.strike_of(market)
    return strike.lower_edge if strike else float("inf")
