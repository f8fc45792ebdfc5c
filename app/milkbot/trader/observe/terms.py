"""Holding what the exchange says of a series' fees and rules against what is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from milkbot.db import terms, ticks
from milkbot.domain.modes import TradingMode
from milkbot.domain.settlement import is_exhaustive
from milkbot.risk.terms import Terms, clauses, judged
from milkbot.trader.observe.observation import Observed

log = structlog.get_logger(__name__)


def judge(
    session: Session, mode: TradingMode, observed: Sequence[Observed], *, tick_id: int, now: datetime
) -> dict[str, Terms]:
    """Whether each event may be traded under its terms, by event ticker. New terms are stored, and reported once."""
    found = {seen.event.ticker: clauses(seen.fees, seen.event.markets) for seen in observed}
    series = {seen.event.ticker: seen.event.series_ticker for seen in observed}
    for row in terms.see(
        session, mode, [(series[event], part) for event, parts in found.items() for part in parts], now
    ):
        message = (
            f"{row.series_ticker}: its {row.kind} changed ({row.fingerprint}); read it, then: milkbot terms accept"
        )
        log.error("terms changed", series=row.series_ticker, kind=row.kind, fingerprint=row.fingerprint)
        ticks.save_risk_event(
            session,
            trading_mode=mode,
            tick_id=tick_id,
            event_type="terms_changed",
            severity="critical",
            message=message,
            event_time=now,
        )
    accepted = terms.accepted(session, mode)
    return {
        seen.event.ticker: judged(seen.fees, found[seen.event.ticker], accepted[seen.event.series_ticker])
        for seen in observed
    }


def save_ladders(session: Session, observed: Sequence[Observed], now: datetime) -> None:
    """Store which outcomes each event can have: the worst case of what is held needs it when the event is closed."""
    found = {
        seen.event.ticker: (
            seen.event.mutually_exclusive,
            frozenset(market.ticker for market in seen.event.markets)
            if seen.event.mutually_exclusive and is_exhaustive(market.strike for market in seen.event.markets)
            else frozenset(),
        )
        for seen in observed
    }
    terms.save_ladders(session, found, now)
