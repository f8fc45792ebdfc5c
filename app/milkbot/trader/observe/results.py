"""Reading how markets came out, of every event that was seen and is over: every forecast of them is scored by it.

It is no part of a usual tick: the first completed one of each half hour reads, and only what is missing. The events are
asked for by their names, so that one request covers all cities. The first tick of a day reads the last days again, for
what the exchange corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from milkbot.db import results, ticks
from milkbot.db import unread as unread_objects
from milkbot.db.session import transaction
from milkbot.domain.cities import city_of_series
from milkbot.domain.markets import Event, MarketStatus, event_ticker
from milkbot.domain.modes import TradingMode
from milkbot.domain.unread import Unread
from milkbot.trader.report import TickReport
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import VenueReadError

log = structlog.get_logger(__name__)

_EVERY_MINUTES: Final = 30
_LOOK_BACK_DAYS: Final = 14
"""A result that has not come by then never will, or the exchange has it in its archive only."""
_CORRECTED_DAYS: Final = 3
"""For so long a result that is there is read again."""
_MOST: Final = 200
"""Events of one tick: two requests."""


def read(
    engine: Engine, venue: KalshiClient, mode: TradingMode, series: Sequence[str], report: TickReport, now: datetime
) -> None:
    """Store the results that are new, where this tick is the one to read them. An exchange that does not answer is
    noted and not raised: the next half hour reads again.
    """
    with transaction(engine) as session:
        if results.was_completed_since(session, mode, _slot(now)):
            return
        due = results.without(session, mode, _ended(series, now, _LOOK_BACK_DAYS), _MOST)
        if not results.was_completed_since(session, mode, now.replace(hour=0, minute=0, second=0, microsecond=0)):
            again = results.stored(session, mode, _ended(series, now, _CORRECTED_DAYS))
            due = list(dict.fromkeys([*due, *again]))[:_MOST]
    if not due:
        return
    unread: Unread = []
    try:
        events = venue.events_named(due, only_open=False, unread=unread)
    except VenueReadError as error:
        log.warning("results not read", events=len(due), first=due[0], problem=str(error))
        return
    report.counts.add_unread(unread)
    with transaction(engine) as session:
        unread_objects.save(session, mode, report.tick_id, unread, now)
        for ticker in results.save(session, mode, list(_rows(events, now))):
            log.warning("result corrected", ticker=ticker)
            ticks.save_risk_event(
                session,
                trading_mode=mode,
                tick_id=report.tick_id,
                event_type="result_corrected",
                severity="warning",
                message=f"{ticker} has another result than it had; the forecasts of its event are scored again",
                ticker=ticker,
                event_time=now,
            )


def _slot(now: datetime) -> datetime:
    """When the half hour began."""
    return now.replace(minute=now.minute - now.minute % _EVERY_MINUTES, second=0, microsecond=0)


def _ended(series: Iterable[str], now: datetime, days: int) -> list[str]:
    """The events of the last climate days that are over."""
    return [
        event_ticker(ticker, city_of_series(ticker).climate_day_at(now) - timedelta(days=ago))
        for ago in range(1, days + 1)
        for ticker in series
    ]


def _rows(events: Iterable[Event], now: datetime) -> Iterator[dict[str, Any]]:
    """Of the markets that have settled: until then the exchange may still dispute what it says."""
    for event in events:
        for market in event.markets:
            if market.status is MarketStatus.FINALIZED and market.result:
                yield {
                    "ticker": market.ticker,
                    "event_ticker": event.ticker,
                    "climate_day": event.climate_day,
                    "result": market.result,
                    "yes_value": market.yes_value,
                    "expiration_value": market.expiration_value or None,
                    "settled_at": market.settled_at,
                    "recorded_at": now,
                }
