"""What the page shows at one moment: the API's answers together, or the last ones that came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from milkbot.analytics.service.schemas import Equity, EquityPoint, Health, Hero, Status, Trade
from milkbot.dashboard.api_client import AnalyticsApi
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import TradingState

SHOWN_TRADES = 50


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Answers that were read together."""

    hero: Hero
    equity: Equity
    health: Health
    trades: tuple[Trade, ...]
    read_at: datetime

    @property
    def mode(self) -> TradingMode | None:
        """None before the first tick."""
        return self.hero.mode

    @property
    def latest(self) -> EquityPoint | None:
        """The account's newest day within the span."""
        return self.equity.points[-1] if self.equity.points else None


def read_snapshot(api: AnalyticsApi, days: int, city: str | None) -> Snapshot:
    """Ask the API for all of it. Raises ApiUnavailableError."""
    return Snapshot(
        hero=api.hero(),
        equity=api.equity(days),
        health=api.health(),
        trades=tuple(api.trades(city, SHOWN_TRADES).trades),
        read_at=datetime.now(UTC),
    )


def overall_status(health: Health) -> tuple[Status, str]:
    """How the platform is, in a few words."""
    components = health.components
    if health.status is Status.DOWN:
        return Status.DOWN, "Database down"
    if components.trader.last_seen is None:
        return Status.DEGRADED, "Waiting for the first tick"
    if components.trader.status is not Status.OK:
        return Status.DEGRADED, "Trader is late"
    if health.trading_state not in {None, TradingState.ACTIVE}:
        return Status.DEGRADED, f"Trading {health.trading_state}"
    if components.rollups.status is not Status.OK:
        return Status.DEGRADED, "Figures are late"
    return Status.OK, "All systems running"
