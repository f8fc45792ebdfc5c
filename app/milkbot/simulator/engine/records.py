"""What the exchange remembers: orders, trades, settlements, markets and accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from milkbot.domain.markets import MarketStatus, Strike
from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.domain.positions import Fill, Position
from milkbot.domain.units import ZERO, Cash
from milkbot.simulator.engine.irregular import Irregular
from milkbot.simulator.engine.orderbook import OrderBook, SelfTrade
from milkbot.simulator.engine.plan import EventPlan
from milkbot.venue.values import VenueOrderStatus

HOURS_OF_VOLUME = 24


@dataclass(slots=True)
class Order:
    """An account's order through its life. `cents` of the YES leg, counts in lots."""

    order_id: str
    account: str
    client_order_id: str
    ticker: str
    is_bid: bool
    cents: int
    initial_lots: int
    remaining_lots: int
    filled_lots: int
    time_in_force: TimeInForce
    self_trade: SelfTrade
    cancel_on_pause: bool
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    status: VenueOrderStatus
    sequence: int
    taker_cost: Decimal = ZERO
    maker_cost: Decimal = ZERO
    taker_fees: Decimal = ZERO
    maker_fees: Decimal = ZERO
    carried: Decimal = ZERO
    """What its fills have overpaid by rounding and not got back yet."""
    group_id: str | None = None
    post_only: bool = False

    @property
    def key(self) -> str:
        """What it is stored under."""
        return self.order_id

    @property
    def side(self) -> BookSide:
        """Its side of the YES book."""
        return BookSide.BID if self.is_bid else BookSide.ASK


@dataclass(slots=True)
class OrderGroup:
    """Orders of an account that trade against one limit. `matched` is what traded lately, by moment."""

    group_id: str
    account: str
    limit_lots: int
    sequence: int
    is_triggered: bool = False
    is_deleted: bool = False
    matched: list[tuple[datetime, int]] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What it is stored under."""
        return self.group_id


@dataclass(frozen=True, slots=True)
class Trade:
    """One line of the public tape."""

    trade_id: str
    sequence: int
    ticker: str
    lots: int
    cents: int
    taker_is_bid: bool
    at: datetime
    open_interest: int = 0
    """Lots held long in that market afterwards."""

    @property
    def key(self) -> str:
        """What it is stored under."""
        return self.trade_id


@dataclass(frozen=True, slots=True)
class Settled:
    """A position that was paid out."""

    sequence: int
    account: str
    ticker: str
    event_ticker: str
    result: str
    position: Position
    revenue: Cash
    at: datetime

    @property
    def key(self) -> str:
        """What it is stored under."""
        return str(self.sequence)


@dataclass(slots=True)
class Holding:
    """An account's position in one market, with what it has traded there in all."""

    position: Position
    traded: Decimal
    traded_lots: int
    updated_at: datetime
    is_settled: bool = False


@dataclass(slots=True)
class Market:
    """One bracket: its book, who holds what, and what was last traded."""

    ticker: str
    plan: EventPlan
    strike: Strike
    orderbook: OrderBook = field(default_factory=OrderBook)
    marks: dict[str, int] = field(default_factory=dict)
    """Stamp of each house quote that was posted, taken or not."""
    stepped_at: datetime | None = None
    holders: dict[str, int] = field(default_factory=dict)
    """Signed lots by owner, accounts and house alike."""
    last_cents: int = 0
    volume: int = 0
    volume_by_hour: dict[int, int] = field(default_factory=dict)
    updated_at: datetime | None = None
    result: str = ""
    expiration_value: str = ""
    irregular: Irregular = field(default_factory=Irregular)

    @property
    def key(self) -> str:
        """What it is stored under."""
        return self.ticker

    def status(self, now: datetime) -> MarketStatus:
        """Where it stands in its life."""
        return self.irregular.status(self.plan.status(now), now)

    def is_trading(self, now: datetime) -> bool:
        """Whether orders may meet in it: it is open, and neither stopped nor halted."""
        return self.status(now) is MarketStatus.ACTIVE and not self.irregular.is_halted(now)

    @property
    def closes_at(self) -> datetime:
        """When trading ends, or ended early."""
        return self.irregular.closed_at or self.plan.closes_at

    @property
    def finalized_at(self) -> datetime:
        """When positions are paid out."""
        return self.irregular.finalized_at(self.plan.finalized_at)

    @property
    def open_interest(self) -> int:
        """Lots held long, the same as lots held short."""
        return sum(lots for lots in self.holders.values() if lots > 0)

    def volume_of_day(self, now: datetime) -> int:
        """Lots traded in the last 24 hours."""
        first = int(now.timestamp()) // 3600 - HOURS_OF_VOLUME
        return sum(lots for hour, lots in self.volume_by_hour.items() if hour > first)

    def trade(self, cents: int, lots: int, at: datetime) -> None:
        """Note one execution."""
        hour = int(at.timestamp()) // 3600
        self.last_cents = cents
        self.volume += lots
        self.volume_by_hour = {h: v for h, v in self.volume_by_hour.items() if h > hour - HOURS_OF_VOLUME}
        self.volume_by_hour[hour] = self.volume_by_hour.get(hour, 0) + lots

    def user_orders(self) -> Iterable[str]:
        """Order ids of accounts that rest here."""
        return [resting.ref for resting in self.orderbook if not resting.is_house]


@dataclass(slots=True)
class Account:
    """Who may trade: cash in dollars, holdings by ticker. `user_id` is what the wire shows."""

    key_id: str
    public_key_pem: str
    user_id: str
    cash: Decimal
    holdings: dict[str, Holding] = field(default_factory=dict)
    updated_at: datetime | None = None

    @property
    def key(self) -> str:
        """What it is stored under."""
        return self.key_id


@dataclass(frozen=True, slots=True)
class AccountFill:
    """A fill with whose it is and its place in time."""

    sequence: int
    account: str
    fill: Fill

    @property
    def key(self) -> str:
        """What it is stored under."""
        return self.fill.fill_id
