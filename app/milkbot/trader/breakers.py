"""Evaluates the breakers: reads their inputs, stores what tripped, and returns the state in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Final

import structlog
from sqlalchemy.orm import Session

from milkbot.db import holds, order_groups, risk_facts, ticks
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import Cash
from milkbot.risk.breakers import (
    MONTH,
    REJECTS_WINDOW,
    UNFINISHED_WINDOW,
    WEEK,
    Breaker,
    Facts,
    Loss,
    Thresholds,
    due,
    source_of,
    trips,
)
from milkbot.settings import Settings
from milkbot.trader.counts import TickCounts
from milkbot.trader.decide.strategy import WEATHER_REASONS, Reason
from milkbot.trader.orders import kill_file
from milkbot.trader.refused import rejects

log = structlog.get_logger(__name__)

_BLIND_REASONS = (*WEATHER_REASONS, Reason.BOOK_MISSING, Reason.BOOK_STALE)
BLIND_WINDOW: Final = timedelta(hours=2)
"""Ticks that are older say nothing of the present."""


def trip(session: Session, settings: Settings, now: datetime, tick_id: int) -> TradingState:
    """The state in force after the breakers were evaluated. What trips is stored as a hold and a critical risk event.

    What an operator acknowledged by resuming does not count again. The state that is stored for other readers follows.
    """
    mode = settings.trading_mode
    holds.adopt(session, mode, now)
    facts = read_facts(session, settings, now, tick_id)
    for tripped in due(trips(facts, thresholds_of(settings), now), holds.holds(session, mode, now), now):
        log.error("breaker tripped", breaker=str(tripped.breaker), effect=str(tripped.effect), reason=tripped.reason)
        holds.add(
            session,
            mode,
            source=tripped.source,
            effect=tripped.effect,
            reason=tripped.reason,
            since=now,
            until=tripped.until,
            tick_id=tick_id,
        )
        ticks.save_risk_event(
            session,
            trading_mode=mode,
            tick_id=tick_id,
            event_type="breaker",
            severity="critical",
            message=tripped.reason,
            payload={"breaker": tripped.breaker, "effect": tripped.effect},
            event_time=now,
        )
    return holds.publish(session, mode, now)


def read_facts(session: Session, settings: Settings, now: datetime, tick_id: int) -> Facts:
    """What the breakers judge by, each from its last acknowledgement on."""
    mode = settings.trading_mode
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    acknowledged = holds.acknowledgements(session, mode)

    def since(breaker: Breaker, window: datetime) -> datetime:
        return max(window, acknowledged.get(source_of(breaker), window))

    def loss(breaker: Breaker, window: datetime) -> Loss:
        start = since(breaker, window)
        return Loss(risk_facts.lost_since(session, mode, start), start)

    unfinished = since(Breaker.DATABASE_FAILURES, now - UNFINISHED_WINDOW)

    def newest(breaker: Breaker) -> list[TickCounts]:
        start, number = since(breaker, now - BLIND_WINDOW), settings.max_blind_ticks
        return [TickCounts.of_row(row) for row in risk_facts.newest_counts(session, mode, start, number)]

    return Facts(
        day=loss(Breaker.DAILY_LOSS, midnight),
        week=loss(Breaker.WEEKLY_LOSS, now - WEEK),
        month=loss(Breaker.MONTHLY_LOSS, now - MONTH),
        rejects=rejects(risk_facts.sent_since(session, mode, since(Breaker.REJECTS, now - REJECTS_WINDOW))),
        unfinished_ticks=risk_facts.unfinished_ticks_since(session, mode, unfinished, but=tick_id),
        blind_ticks=blind_ticks(newest(Breaker.BLIND)),
        unseen_ticks=unseen_ticks(newest(Breaker.UNSEEN)),
        kill_file=kill_file.found(settings.kill_file),
        order_group=_triggered_group(session, mode, acknowledged.get(source_of(Breaker.ORDER_GROUP))),
    )


def thresholds_of(settings: Settings) -> Thresholds:
    """The configured thresholds, percentages of the bankroll in dollars."""

    def share(percent: Decimal) -> Cash:
        return Cash(settings.bankroll * percent / Decimal(100))

    return Thresholds(
        daily_loss=share(settings.max_daily_loss_pct),
        weekly_loss=share(settings.max_weekly_loss_pct),
        monthly_loss=share(settings.max_monthly_loss_pct),
        rejects=settings.max_rejects,
        unfinished_ticks=settings.max_unfinished_ticks,
        blind_ticks=settings.max_blind_ticks,
    )


def blind_ticks(ticks_counted: Iterable[TickCounts]) -> int:
    """How many of the newest ticks, from the newest on, read markets and had fresh inputs for none of them."""
    blind = 0
    for counts in ticks_counted:
        if not counts.decisions or sum(counts.reasons[reason] for reason in _BLIND_REASONS) < counts.decisions:
            break
        blind += 1
    return blind


def unseen_ticks(ticks_counted: Iterable[TickCounts]) -> int:
    """How many of the newest ticks, from the newest on, missed more than half of what was due.

    One series that is missing stops nothing but itself: that is alerted, and the others are traded.
    """
    unseen = 0
    for counts in ticks_counted:
        if not counts.expected or 2 * counts.missing.total() <= counts.expected:
            break
        unseen += 1
    return unseen


def missing_ticks(ticks_counted: Iterable[TickCounts], series: str) -> int:
    """How many of the newest ticks, from the newest on, missed a market of that series."""
    return sum(1 for _ in takewhile(lambda counts: counts.missing[series], ticks_counted))


def _triggered_group(session: Session, mode: TradingMode, acknowledged: datetime | None) -> str | None:
    newest = order_groups.newest(session, mode)
    if newest is None or newest.act != order_groups.Act.TRIGGERED:
        return None
    seen = acknowledged is not None and acknowledged >= newest.at
    return None if seen else f"the order group {newest.venue_group_id} was triggered: {newest.reason}"
