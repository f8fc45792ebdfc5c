"""Events of a market that are not in its plan: a stop, a halt, an early close, a dispute. Only faults cause them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from milkbot.domain.markets import MarketStatus
from milkbot.simulator.engine.plan import SETTLEMENT_TIMER


@dataclass(slots=True)
class Irregular:
    """Moments that override the plan's; all None in a market that lives as planned."""

    closed_at: datetime | None = None
    inactive_until: datetime | None = None
    halted_until: datetime | None = None
    """Until then no order is taken, although the market is listed as active."""
    disputed_until: datetime | None = None
    """Set together with or before the determination; then the market is amended and its settlement timer restarts."""
    amended_high: int | None = None
    """The official high after the dispute, if it is another one."""

    def status(self, planned: MarketStatus, now: datetime) -> MarketStatus:
        """Where the market stands, given where its plan stands."""
        if planned is MarketStatus.ACTIVE:
            if self.closed_at is not None and self.closed_at <= now:
                return MarketStatus.CLOSED
            if self.inactive_until is not None and now < self.inactive_until:
                return MarketStatus.INACTIVE
        if planned in {MarketStatus.DETERMINED, MarketStatus.FINALIZED} and self.disputed_until is not None:
            if now < self.disputed_until:
                return MarketStatus.DISPUTED
            return MarketStatus.AMENDED if now < self.finalized_at(now) else MarketStatus.FINALIZED
        return planned

    def is_halted(self, now: datetime) -> bool:
        """Whether no order is taken, whatever its status says."""
        return self.halted_until is not None and now < self.halted_until

    def finalized_at(self, planned: datetime) -> datetime:
        """When positions are paid out."""
        return planned if self.disputed_until is None else self.disputed_until + SETTLEMENT_TIMER

    def is_pending(self, now: datetime) -> bool:
        """Whether something is still to come that no plan has."""
        last = max((m for m in (self.inactive_until, self.disputed_until and self.finalized_at(now)) if m), default=now)
        return last > now
