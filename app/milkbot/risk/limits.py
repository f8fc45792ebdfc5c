"""The limits that an order must keep, and the names of the reasons to refuse one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from milkbot.domain.units import Cash, Count


class DenialCode(StrEnum):
    """Why the risk engine refused an order."""

    TRADING_HALTED = "trading_halted"
    ONLY_REDUCING = "only_reducing"
    EVENT_UNRESOLVED = "event_unresolved"
    EXCHANGE_PAUSED = "exchange_paused"
    MARKET_INACTIVE = "market_inactive"
    CLOCK_SKEW = "clock_skew"
    ORDER_GROUP_MISSING = "order_group_missing"
    BOOK_STALE = "book_stale"
    ORDER_RATE = "order_rate"
    FORECAST_STALE = "forecast_stale"
    FEES_UNKNOWN = "fees_unknown"
    FEES_CHANGED = "fees_changed"
    RULES_CHANGED = "rules_changed"
    SPREAD_WIDE = "spread_wide"
    LIQUIDITY_LOW = "liquidity_low"
    BALANCE_TOO_LOW = "balance_too_low"
    TRADE_RISK = "trade_risk"
    POSITION_SIZE = "position_size"
    EVENT_RISK = "event_risk"
    CITY_EXPOSURE = "city_exposure"
    CLUSTER_EXPOSURE = "cluster_exposure"
    OPEN_RISK = "open_risk"


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds. In dollars at risk: one order, one event, a city, a cluster, all of it; `position` in contracts.

    `spread` in dollars; `liquidity`: the book must hold that many times the order's contracts; `orders` an hour.
    """

    trade: Cash
    event: Cash
    city: Cash
    cluster: Cash
    open_risk: Cash
    position: Count
    spread: Decimal
    liquidity: Decimal
    orders: int
    book_age: timedelta
    forecast_age: timedelta
    clock_skew: timedelta

    def sized(self, factor: Decimal) -> Limits:
        """The same with the limits of one order, its dollars and contracts, multiplied."""
        return replace(self, trade=Cash(self.trade * factor), position=Count(self.position * factor))
