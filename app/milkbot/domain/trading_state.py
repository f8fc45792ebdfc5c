"""What the trader may do at the moment, as the holds of the operator and of the breakers leave it.

A hold takes something away until its time, until an operator acknowledges it, or both. Several may be in force at once:
the strongest counts, and one that ends leaves the others as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from milkbot.domain.units import ONE


class TradingState(StrEnum):
    """ACTIVE trades, REDUCING only lowers risk, HALTED only reconciles and cancels."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Effect(StrEnum):
    """What a hold takes away, weakest first."""

    HALF_SIZE = "half_size"
    REDUCING = "reducing"
    HALTED = "halted"


STATE_OF = {
    Effect.HALF_SIZE: TradingState.ACTIVE,
    Effect.REDUCING: TradingState.REDUCING,
    Effect.HALTED: TradingState.HALTED,
}
_STRENGTH = {effect: strength for strength, effect in enumerate(Effect)}
_HALF = Decimal("0.5")


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


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason for not trading as usual. `source` names who set it; `until` is None where only a person ends it."""

    id: int
    source: str
    effect: Effect
    reason: str
    since: datetime
    until: datetime | None = None
    acknowledged_by: str | None = None

    def in_force(self, now: datetime) -> bool:
        """Whether it still counts: nobody acknowledged it, and its time is not over."""
        return self.acknowledged_by is None and (self.until is None or now < self.until)


def in_force(holds: Iterable[Hold], now: datetime) -> tuple[Hold, ...]:
    """The holds that count, strongest first; among equals the one that lasts longest, then the oldest."""
    counting = [hold for hold in holds if hold.in_force(now)]
    return tuple(sorted(counting, key=_order))


def state_of(holds: Iterable[Hold], now: datetime) -> TradingState:
    """The state that the holds leave: that of the strongest."""
    counting = in_force(holds, now)
    return STATE_OF[counting[0].effect] if counting else TradingState.ACTIVE


def size_factor(holds: Iterable[Hold], now: datetime) -> Decimal:
    """What the size of a new order is multiplied by."""
    return _HALF if any(hold.effect is Effect.HALF_SIZE for hold in in_force(holds, now)) else ONE


def _order(hold: Hold) -> tuple[int, bool, float, int]:
    end = 0.0 if hold.until is None else -hold.until.timestamp()
    return (-_STRENGTH[hold.effect], hold.until is not None, end, hold.id)
