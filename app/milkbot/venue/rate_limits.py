"""Client-side token buckets, so that the exchange has no reason to answer 429.

Source: the exchange's rate limit page of October 2026, tier Basic: 200 read tokens a second with a burst of three
seconds, 100 write tokens a second without burst; a call costs 10, a cancel 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from milkbot.domain.clock import Clock

DEFAULT_COST: Final = 10
CANCEL_COST: Final = 2


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket's size: tokens a second, and how many it can hold."""

    refill_rate: int
    capacity: int


BASIC_READ: Final = Limit(200, 600)
BASIC_WRITE: Final = Limit(100, 100)


class TokenBucket:
    """Waits on the clock until a call may be made. For one thread."""

    def __init__(self, clock: Clock, limit: Limit) -> None:
        self._clock = clock
        self.limit = limit
        self._tokens = float(limit.capacity)
        self._filled_at = clock.now()

    def take(self, cost: int) -> None:
        """Spend tokens, waiting for them first. Raises ValueError for a cost that the bucket can never hold."""
        if cost > self.limit.capacity:
            raise ValueError(f"a call that costs {cost} tokens never fits a bucket of {self.limit.capacity}")
        self._refill()
        if cost > self._tokens:
            self._clock.sleep((cost - self._tokens) / self.limit.refill_rate)
            self._refill()
        self._tokens -= cost

    def resize(self, limit: Limit) -> None:
        """Adopt a limit that the exchange named; tokens in hand remain, up to the new capacity."""
        self.limit = limit
        self._tokens = min(self._tokens, float(limit.capacity))

    def _refill(self) -> None:
        now = self._clock.now()
        elapsed = max(0.0, (now - self._filled_at).total_seconds())
        self._filled_at = now
        self._tokens = min(float(self.limit.capacity), self._tokens + elapsed * self.limit.refill_rate)
