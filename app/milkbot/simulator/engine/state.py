"""Everything the exchange knows, in memory, with a note of what changed since it was last stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from milkbot.simulator.engine.orderbook import Resting
from milkbot.simulator.engine.pause import Outage, resumes_at
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.engine.records import Account, AccountFill, Market, Order, OrderGroup, Settled, Trade
from milkbot.venue.values import VenueOrderStatus

Record = EventPlan | Market | Account | Order | OrderGroup | AccountFill | Settled | Trade

_NAMESPACE = uuid.UUID("6f1d1d0a-55a5-5c1e-9a76-0b9a3f2d7c11")
TAPE_LENGTH = 5000
"""Public trades that are kept; the wire's history beyond them is not served."""


@dataclass(slots=True)
class State:
    """The exchange at one moment. `now` only grows."""

    seed: int
    now: datetime
    sequence: int = 0
    plans: dict[str, EventPlan] = field(default_factory=dict)
    markets: dict[str, Market] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    resting: dict[str, Order] = field(default_factory=dict)
    fills: list[AccountFill] = field(default_factory=list)
    groups: dict[str, OrderGroup] = field(default_factory=dict)
    settlements: list[Settled] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    touched: dict[tuple[str, str], Record] = field(default_factory=dict)
    """What was changed since it was last stored, by kind and key."""
    dirty: bool = False
    """Whether the time itself has to be stored although no record changed."""
    outage: Outage | None = None
    reopened_until: datetime | None = None
    """The end of a weekly pause that was ended early: until then there is none."""
    irregular: set[str] = field(default_factory=set)
    """Tickers of markets for which something is to come that no plan has."""

    def is_paused(self, at: datetime) -> bool:
        """Whether orders are refused at that moment."""
        return self.resumes_at(at) is not None

    def is_down(self, at: datetime) -> bool:
        """Whether the whole exchange stands still."""
        return self.outage is not None and self.outage.whole_exchange and at < self.outage.until

    def resumes_at(self, at: datetime) -> datetime | None:
        """The end of the pause that holds at that moment, None outside one."""
        ends = [resumes_at(at) if self.reopened_until is None or at >= self.reopened_until else None]
        ends += [self.outage.until if self.outage is not None and at < self.outage.until else None]
        return max((end for end in ends if end is not None), default=None)

    def next_sequence(self) -> int:
        """A number that grows with everything that happens."""
        self.sequence += 1
        return self.sequence

    def new_id(self, kind: str) -> tuple[str, int]:
        """An id and its sequence: the same for the same seed and the same calls."""
        sequence = self.next_sequence()
        return str(uuid.uuid5(_NAMESPACE, f"{self.seed}|{kind}|{sequence}")), sequence

    def touch(self, record: Record) -> None:
        """Note that something has to be stored."""
        self.touched[type(record).__name__, record.key] = record

    def markets_of(self, event_ticker: str) -> list[Market]:
        """An event's markets in the order of their temperature."""
        plan = self.plans[event_ticker]
        return [self.markets[plan.market_ticker(strike)] for strike in plan.strikes]

    def add_plan(self, plan: EventPlan) -> None:
        """List an event with its markets."""
        self.plans[plan.ticker] = plan
        self.touch(plan)
        for strike in plan.strikes:
            market = Market(plan.market_ticker(strike), plan, strike, updated_at=plan.created_at)
            self.markets[market.ticker] = market
            self.touch(market)

    def rest(self, order: Order) -> None:
        """Put an account's order into its book."""
        self.resting[order.order_id] = order
        self.markets[order.ticker].orderbook.add(
            Resting(
                order.account, order.order_id, order.is_bid, order.cents, order.remaining_lots, order.sequence, False
            )
        )

    def cancel(self, order: Order, at: datetime) -> int:
        """Take an order out, whatever the reason. Returns the lots that no longer rest."""
        lots = order.remaining_lots
        order.remaining_lots = 0
        order.status = VenueOrderStatus.CANCELED
        order.updated_at = at
        self.resting.pop(order.order_id, None)
        self.markets[order.ticker].orderbook.remove([order.order_id])
        self.touch(order)
        self.touch(self.markets[order.ticker])
        return lots
