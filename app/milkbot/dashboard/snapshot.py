"""What the pages show at one moment: the API's answers that were read together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from milkbot.analytics.service.schemas import SPANS, Equity, EquityPoint, Hero, PlatformStatus, Trade
from milkbot.dashboard.api_client import AnalyticsApi
from milkbot.domain.modes import TradingMode


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Answers that were read together."""

    hero: Hero
    equity: Equity
    status: PlatformStatus
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


def read_snapshot(api: AnalyticsApi, span: str, city: str | None, trades: int) -> Snapshot:
    """Ask the API for all of it. Raises ApiUnavailableError."""
    return Snapshot(
        hero=api.hero(),
        equity=api.equity(SPANS[span]),
        status=api.status(),
        trades=tuple(api.trades(city, trades).trades),
        read_at=datetime.now(UTC),
    )
