"""What is wrong at the moment, in words: with reason, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from milkbot.analytics.service.schemas import PlatformStatus, Status
from milkbot.dashboard.api_client import AnalyticsApi, ApiUnavailableError
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
REASONS = {
    "operator": "The operator did it.",
    "reconciliation": "The ledger and the exchange do not agree.",
    "daily_loss": "The loss limit of a day was reached.",
    "weekly_loss": "The loss limit of a week was reached.",
    "monthly_loss": "The loss limit of a month was reached.",
    "rejects": "The exchange rejected too many orders.",
    "database_failures": "Ticks did not come to their end: the database or the machine may be failing.",
    "blind": "No market had both fresh prices and fresh weather.",
    "unseen": "More than half of the markets that were due were not seen.",
    "kill_file": "The kill file is there.",
    "order_group": "The exchange stopped the orders as a group, by its limit or because all were cancelled.",
}
"""Why trading is not active, by the API's code."""


def away(api: AnalyticsApi, answered: datetime | None) -> Notice:
    """Why figures cannot be read; `answered` is when they could be read last."""
    try:
        database = api.health().components.database.status
    except ApiUnavailableError:
        database = Status.OK
    what = "The database" if database is Status.DOWN else "The analytics service"
    return Notice(Status.DOWN, f"{what} does not answer", AWAY_NOTE, answered, "last answer")


def late_at(status: PlatformStatus) -> datetime | None:
    """From when on the trader is late if it does nothing; None where nothing says so."""
    return _due(status.last_tick_finished, status.tick_late_seconds)


def _due(seen: datetime | None, seconds: float | None) -> datetime | None:
    return None if seen is None or seconds is None else seen + timedelta(seconds=seconds)


def notices(status: PlatformStatus, now: datetime) -> tuple[Notice, ...]:
    """All that is wrong, the worst first. One never hides another."""
    found = []
    if status.trading_state in _LOWERED:
        title, effect = _LOWERED[status.trading_state]
        reason = REASONS.get(status.trading_state_code or "", "")
        found.append(Notice(Status.DEGRADED, title, f"{reason} {effect}".strip(), status.trading_state_since))
    late, figures_late = late_at(status), _due(status.last_rollup, status.rollup_late_seconds)
    if status.last_tick_finished is None:
        found.append(Notice(Status.DEGRADED, "Waiting for the first look", "The trader has not run yet."))
    elif late is not None and late < now:
        reason = "It should look at the markets every few minutes."
        found.append(Notice(Status.DEGRADED, "The trader is late", reason, status.last_tick_finished, "last look"))
    if figures_late is not None and figures_late < now:
        reason = "Newer results are not in them yet."
        found.append(Notice(Status.DEGRADED, "The figures are late", reason, status.last_rollup, "computed last"))
    return tuple(found)
