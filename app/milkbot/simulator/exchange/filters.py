"""Which events and markets a listing asks for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from milkbot.domain.markets import MarketStatus
from milkbot.simulator.engine.records import Market
from milkbot.simulator.engine.rejects import bad_request, moment_of

STATUS_WORDS = {
    "unopened": {MarketStatus.INITIALIZED},
    "open": {MarketStatus.ACTIVE},
    "paused": {MarketStatus.INACTIVE},
    "closed": {MarketStatus.CLOSED, MarketStatus.DETERMINED, MarketStatus.DISPUTED, MarketStatus.AMENDED},
    "settled": {MarketStatus.FINALIZED},
}


def statuses(word: str) -> set[MarketStatus]:
    """The statuses that a filter word covers, all for none. Raises RejectError for an unknown word."""
    if not word:
        return set(MarketStatus)
    if word not in STATUS_WORDS:
        raise bad_request(f"status is {word!r}, expected one of {', '.join(STATUS_WORDS)}")
    return STATUS_WORDS[word]


def names(text: str) -> set[str]:
    """A comma-separated list; empty for no filter."""
    return {name for name in text.split(",") if name}


@dataclass(frozen=True, slots=True)
class Window:
    """Bounds in unix seconds, either one open."""

    first: int | None
    last: int | None

    @property
    def is_bounded(self) -> bool:
        """Whether it filters at all."""
        return self.first is not None or self.last is not None

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies within."""
        seconds = moment.timestamp()
        return (self.first is None or seconds >= self.first) and (self.last is None or seconds <= self.last)


UNBOUNDED = Window(None, None)


@dataclass(frozen=True, slots=True)
class MarketFilter:
    """The filters of GET /markets; GET /historical/markets has the first three."""

    event_ticker: str
    series_ticker: str
    tickers: set[str]
    statuses: Collection[MarketStatus] = tuple(MarketStatus)
    created: Window = UNBOUNDED
    closes: Window = UNBOUNDED
    settled: Window = UNBOUNDED
    updated_after: int | None = None

    def holds(self, market: Market, now: datetime) -> bool:
        """Whether a market is asked for."""
        plan = market.plan
        updated = market.updated_at or plan.created_at
        return (
            market.status(now) in self.statuses
            and self.event_ticker in ("", plan.ticker)
            and self.series_ticker in ("", plan.series.ticker)
            and (not self.tickers or market.ticker in self.tickers)
            and self.created.holds(plan.created_at)
            and self.closes.holds(market.closes_at)
            and (not self.settled.is_bounded or self._has_settled(market, now))
            and (self.updated_after is None or updated > moment_of(self.updated_after))
        )

    def _has_settled(self, market: Market, now: datetime) -> bool:
        return market.finalized_at <= now and self.settled.holds(market.finalized_at)
