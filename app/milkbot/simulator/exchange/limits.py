"""Token buckets of tier Basic: reads 200 a second with a burst of three seconds, writes 100.

In September 2026 the exchange raised the limits of the tiers from Premier on by a fifth, of Basic the burst alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

DEFAULT_COST = 10
CANCEL_COST = 2


@dataclass(frozen=True, slots=True)
class Limit:
    """Tokens a second, and how many the bucket holds."""

    refill_rate: int
    capacity: int


READ = Limit(200, 600)
WRITE = Limit(100, 100)


@dataclass(slots=True)
class Bucket:
    """The tokens of one caller."""

    limit: Limit
    tokens: float
    filled_at: datetime

    def take(self, cost: int, now: datetime) -> bool:
        """Spend tokens if there are enough. The time is the simulator's, so a virtual clock refills it too."""
        passed = (now - self.filled_at).total_seconds()
        self.tokens = min(self.limit.capacity, self.tokens + passed * self.limit.refill_rate)
        self.filled_at = now
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True


@dataclass(slots=True)
class Limits:
    """The buckets of everyone who has called."""

    _buckets: dict[tuple[str, Limit], Bucket] = field(default_factory=dict)

    def allow(self, caller: str, limit: Limit, cost: int, now: datetime) -> bool:
        """Whether this call may pass. A key id, or the address of a caller without a key."""
        bucket = self._buckets.setdefault((caller, limit), Bucket(limit, limit.capacity, now))
        return bucket.take(cost, now)
