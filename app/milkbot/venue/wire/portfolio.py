"""Balance, positions, orders, fills and settlements."""

from __future__ import annotations

from pydantic import Field

from milkbot.venue.wire import unread
from milkbot.venue.wire.base import CashText, CountText, ExchangeIndex, Moment, PriceText, SignedCountText, WireModel


class Balance(WireModel):
    """GET /portfolio/balance: `portfolio_value` in cents, `updated_ts` in unix seconds."""

    UNREAD = frozenset({"balance", "balance_breakdown"})

    balance_dollars: CashText
    portfolio_value: int
    updated_ts: int


class MarketPosition(WireModel):
    """One of `market_positions`; a negative position is NO."""

    UNREAD = frozenset({"exchange_index", "last_updated_ts", "total_traded_dollars"})

    ticker: str
    position_fp: SignedCountText
    market_exposure_dollars: CashText
    realized_pnl_dollars: CashText
    fees_paid_dollars: CashText


class Order(WireModel):
    """One of GET /portfolio/orders. `side` and `action` are deprecated and not read."""

    UNREAD = unread.ORDER

    order_id: str = Field(min_length=1)
    client_order_id: str
    ticker: str
    book_side: str
    status: str
    yes_price_dollars: PriceText
    initial_count_fp: CountText
    fill_count_fp: CountText
    remaining_count_fp: CountText
    created_time: Moment | None = None
    last_update_time: Moment | None = None
    expiration_time: Moment | None = None
    order_group_id: str | None = None
    exchange_index: ExchangeIndex = 0


class OrderReply(WireModel):
    """GET /portfolio/orders/{id}."""

    order: Order


class QueuedOrder(WireModel):
    """One of GET /portfolio/orders/queue_positions."""

    order_id: str = Field(min_length=1)
    market_ticker: str = Field(min_length=1)
    queue_position_fp: CountText


class QueuePositions(WireModel):
    """GET /portfolio/orders/queue_positions, which has no pages; null is taken for an empty list."""

    queue_positions: tuple[QueuedOrder, ...] | None


class Fill(WireModel):
    """One of GET /portfolio/fills. It carries no client_order_id since March 2026: join by order_id."""

    UNREAD = unread.FILL

    fill_id: str = Field(min_length=1)
    order_id: str = Field(min_length=1)
    ticker: str
    book_side: str
    count_fp: CountText
    yes_price_dollars: PriceText
    fee_cost: CashText
    is_taker: bool
    created_time: Moment | None = None
    ts: int | None = None


class Settlement(WireModel):
    """One of GET /portfolio/settlements: `revenue` and `value` (what one YES paid) in cents."""

    UNREAD = frozenset({"exchange_index"})

    ticker: str
    event_ticker: str
    market_result: str
    yes_count_fp: CountText
    no_count_fp: CountText
    yes_total_cost_dollars: CashText
    no_total_cost_dollars: CashText
    revenue: int
    fee_cost: CashText
    settled_time: Moment
    value: int | None = None
