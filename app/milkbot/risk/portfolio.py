"""The dollars at risk in all events, added up by city, by cluster and in total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from milkbot.domain.units import ZERO, Cash, Count
from milkbot.risk.exposure import EventLedger, OpenOrder, at_risk


@dataclass(frozen=True, slots=True)
class Stake:
    """One event's ledger and where it counts; `risk` is its worst case in dollars."""

    ledger: EventLedger
    city_code: str
    cluster: str
    risk: Cash

    @classmethod
    def of(cls, ledger: EventLedger, city_code: str, cluster: str) -> Self:
        """A stake with its worst case worked out."""
        return cls(ledger, city_code, cluster, at_risk(ledger))

    def with_order(self, order: OpenOrder) -> Stake:
        """The stake with one more open order."""
        return Stake.of(self.ledger.with_order(order), self.city_code, self.cluster)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order as the engine sees it: the market's place, and what it would buy at its worst price.

    `held_after` is the size of the market's position if it fills whole; `reduces` says that it opens nothing, and
    `reduce_only` that it must not.
    """

    event_ticker: str
    city_code: str
    cluster: str
    order: OpenOrder
    held_after: Count
    reduces: bool
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is at risk now, by event ticker; events are taken to go wrong all at once.

    `cash` is free; `blocked_events` hold something that is not resolved: no new risk there.
    """

    cash: Cash
    stakes: Mapping[str, Stake] = field(default_factory=dict)
    blocked_events: frozenset[str] = frozenset()

    @property
    def by_event(self) -> dict[str, Cash]:
        """Dollars at risk of each event."""
        return {event: stake.risk for event, stake in self.stakes.items()}

    @property
    def by_city(self) -> dict[str, Cash]:
        """Dollars at risk of each city, over its events."""
        return self._by(lambda stake: stake.city_code)

    @property
    def by_cluster(self) -> dict[str, Cash]:
        """Dollars at risk of each cluster of cities that share their weather."""
        return self._by(lambda stake: stake.cluster)

    @property
    def total(self) -> Cash:
        """Dollars at risk over all events."""
        return Cash(sum(self.by_event.values(), ZERO))

    def with_order(self, proposal: Proposal) -> Exposure:
        """The exposure once that order is open too."""
        nothing = Stake.of(EventLedger(), proposal.city_code, proposal.cluster)
        stake = self.stakes.get(proposal.event_ticker, nothing).with_order(proposal.order)
        cash = Cash(self.cash - proposal.order.cost)
        return replace(self, cash=cash, stakes={**self.stakes, proposal.event_ticker: stake})

    def _by(self, key: Callable[[Stake], str]) -> dict[str, Cash]:
        totals: dict[str, Cash] = defaultdict(lambda: Cash(ZERO))
        for stake in self.stakes.values():
            totals[key(stake)] = Cash(totals[key(stake)] + stake.risk)
        return dict(totals)
