"""What is wrong at the moment, in words: with reason, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from milkbot.analytics.service.schemas import Health, Status
from milkbot.domain.trading_state import TradingState


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that is wrong. `moment` is when it began, or what `what` says of it; None where that is unknown."""

    level: Status
    title: str
    reason: str
    moment: datetime | None = None
    what: str = "since"


AWAY_NOTE = "What you see is what it said last. This page tries again by itself; trading does not depend on it."
_LOWERED = {
    TradingState.HALTED: ("Trading is halted", "No order is sent. Positions stay until they settle."),
    TradingState.REDUCING: ("Trading only lowers risk", "No position is opened; open ones may be sold."),
}


def api_away(answered: datetime | None) -> Notice:
    """The analytics service does not answer; `answered` is when it did last."""
    return Notice(Status.DOWN, "The analytics service does not answer", AWAY_NOTE, answered, "last answer")


def notices(health: Health) -> tuple[Notice, ...]:
    """All that is wrong by the platform's health, the worst first. One never hides another."""
    components = health.components
    if components.database.status is Status.DOWN:
        return (Notice(Status.DOWN, "The database does not answer", AWAY_NOTE),)
    found = []
    if health.trading_state in _LOWERED:
        found.append(Notice(Status.DEGRADED, *_LOWERED[health.trading_state]))
    seen = components.trader.last_seen
    if seen is None:
        found.append(Notice(Status.DEGRADED, "Waiting for the first look", "The trader has not run yet."))
    elif components.trader.status is not Status.OK:
        reason = "It should look at the markets every few minutes."
        found.append(Notice(Status.DEGRADED, "The trader is late", reason, seen, "last look"))
    if components.rollups.status is not Status.OK and seen is not None:
        reason = "Newer results are not in them yet."
        found.append(
            Notice(Status.DEGRADED, "The figures are late", reason, components.rollups.last_seen, "computed last")
        )
    return tuple(found)
