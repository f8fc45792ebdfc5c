"""What the trader may do at the moment, as the operator or a breaker has left it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TradingState(StrEnum):
    """ACTIVE trades, REDUCING only lowers risk, HALTED only reconciles and cancels."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class StateRecord:
    """The state with its reason, its bounds in time, and who took note of it."""

    state: TradingState
    reason: str
    since: datetime
    until: datetime | None
    acknowledged_by: str | None

    def at(self, now: datetime) -> TradingState:
        """The state in force: a bound that has passed ends it."""
        return TradingState.ACTIVE if self.until is not None and now >= self.until else self.state
