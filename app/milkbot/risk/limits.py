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
    NOT_REDUCING = "not_reducing"
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


class Reducing(StrEnum):
    """Whether an order that only makes a position smaller is refused too."""

    REFUSED = "yes"
    PASSES = "no"
    REFUSED_WITH_MORE_RISK = "if it puts more at risk"
    """As one does that closes what would pay for the rest of its event."""


@dataclass(frozen=True, slots=True)
class DenialRule:
    """What a code stands for, what it does to an order that only reduces, and where it is set."""

    refused_when: str
    reducing: Reducing
    setting: str | None = None


DENIALS: dict[DenialCode, DenialRule] = {
    DenialCode.TRADING_HALTED: DenialRule("the trading state is HALTED", Reducing.REFUSED),
    DenialCode.ONLY_REDUCING: DenialRule("the trading state is REDUCING", Reducing.PASSES),
    DenialCode.NOT_REDUCING: DenialRule(
        "it is a sale, and more than is held or than open orders leave of it", Reducing.PASSES
    ),
    DenialCode.EVENT_UNRESOLVED: DenialRule(
        "something in its event is not resolved: an order of unknown outcome, or a finding", Reducing.REFUSED
    ),
    DenialCode.EXCHANGE_PAUSED: DenialRule("the exchange or its trading is paused", Reducing.REFUSED),
    DenialCode.MARKET_INACTIVE: DenialRule("the market is not active, or not open now", Reducing.REFUSED),
    DenialCode.CLOCK_SKEW: DenialRule(
        "our clock and the exchange's are further apart, in seconds", Reducing.REFUSED, setting="max_clock_skew_sec"
    ),
    DenialCode.ORDER_GROUP_MISSING: DenialRule(
        "the exchange-side order group could not be had", Reducing.REFUSED, setting="order_group_contracts"
    ),
    DenialCode.BOOK_STALE: DenialRule(
        "the market's book is missing, or older in seconds", Reducing.REFUSED, setting="max_snapshot_age_sec"
    ),
    DenialCode.ORDER_RATE: DenialRule(
        "that many orders were sent within an hour", Reducing.REFUSED, setting="max_orders_per_hour"
    ),
    DenialCode.FORECAST_STALE: DenialRule(
        "the forecast is missing, or older in hours", Reducing.PASSES, setting="max_forecast_age_hours"
    ),
    DenialCode.FEES_UNKNOWN: DenialRule("the series has a fee type that we cannot price", Reducing.PASSES),
    DenialCode.FEES_CHANGED: DenialRule("the series' fees are not those that were accepted", Reducing.PASSES),
    DenialCode.RULES_CHANGED: DenialRule("the rules' wording is not one that was accepted", Reducing.PASSES),
    DenialCode.SPREAD_WIDE: DenialRule(
        "a side of the book is empty, or the spread is wider in cents", Reducing.PASSES, setting="spread_max_cents"
    ),
    DenialCode.LIQUIDITY_LOW: DenialRule(
        "the book holds fewer contracts than so many times the order's",
        Reducing.PASSES,
        setting="min_liquidity_multiple",
    ),
    DenialCode.BALANCE_TOO_LOW: DenialRule("its cost is more than the cash that is free", Reducing.PASSES),
    DenialCode.TRADE_RISK: DenialRule(
        "its cost, fee included, is more percent of the bankroll", Reducing.PASSES, setting="max_trade_risk_pct"
    ),
    DenialCode.POSITION_SIZE: DenialRule(
        "the market's position would be more contracts", Reducing.PASSES, setting="max_position_size"
    ),
    DenialCode.EVENT_RISK: DenialRule(
        "the event could lose more percent at its worst outcome",
        Reducing.REFUSED_WITH_MORE_RISK,
        setting="max_event_risk_pct",
    ),
    DenialCode.CITY_EXPOSURE: DenialRule(
        "the city's events could lose more percent", Reducing.REFUSED_WITH_MORE_RISK, setting="max_city_exposure_pct"
    ),
    DenialCode.CLUSTER_EXPOSURE: DenialRule(
        "the cluster's cities could lose more percent",
        Reducing.REFUSED_WITH_MORE_RISK,
        setting="max_cluster_exposure_pct",
    ),
    DenialCode.OPEN_RISK: DenialRule(
        "all events together could lose more percent", Reducing.REFUSED_WITH_MORE_RISK, setting="max_open_risk_pct"
    ),
}
"""One rule a code; docs/risk.md shows them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds. In dollars at risk: one order, one event, a city, a cluster, all of it; `position` in contracts.

    `spread` in dollars; `liquidity`: the order book must hold that many times the order's contracts; `orders` an hour.
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
    orderbook_age: timedelta
    forecast_age: timedelta
    clock_skew: timedelta

    def sized(self, factor: Decimal) -> Limits:
        """The same with the limits of one order, its dollars and contracts, multiplied."""
        return replace(self, trade=Cash(self.trade * factor), position=Count(self.position * factor))
