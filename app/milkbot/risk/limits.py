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
class DenialRule:
    """What a code stands for. `stops_reducing`: it refuses one that only reduces too; `setting`: where it is set."""

    refused_when: str
    stops_reducing: bool
    setting: str | None = None


DENIALS: dict[DenialCode, DenialRule] = {
    DenialCode.TRADING_HALTED: DenialRule("the trading state is HALTED", stops_reducing=True),
    DenialCode.ONLY_REDUCING: DenialRule("the trading state is REDUCING", stops_reducing=False),
    DenialCode.EVENT_UNRESOLVED: DenialRule(
        "something in its event is not resolved: an order of unknown outcome, or a finding", stops_reducing=True
    ),
    DenialCode.EXCHANGE_PAUSED: DenialRule("the exchange or its trading is paused", stops_reducing=True),
    DenialCode.MARKET_INACTIVE: DenialRule("the market is not active, or not open now", stops_reducing=True),
    DenialCode.CLOCK_SKEW: DenialRule(
        "our clock and the exchange's are further apart, in seconds", stops_reducing=True, setting="max_clock_skew_sec"
    ),
    DenialCode.ORDER_GROUP_MISSING: DenialRule(
        "the exchange-side order group could not be had", stops_reducing=True, setting="order_group_contracts"
    ),
    DenialCode.BOOK_STALE: DenialRule(
        "the market's book is missing, or older in seconds", stops_reducing=True, setting="max_snapshot_age_sec"
    ),
    DenialCode.ORDER_RATE: DenialRule(
        "that many orders were sent within an hour", stops_reducing=True, setting="max_orders_per_hour"
    ),
    DenialCode.FORECAST_STALE: DenialRule(
        "the forecast is missing, or older in hours", stops_reducing=False, setting="max_forecast_age_hours"
    ),
    DenialCode.FEES_UNKNOWN: DenialRule("the series has a fee type that we cannot price", stops_reducing=False),
    DenialCode.FEES_CHANGED: DenialRule("the series' fees are not those that were accepted", stops_reducing=False),
    DenialCode.RULES_CHANGED: DenialRule("the rules' wording is not one that was accepted", stops_reducing=False),
    DenialCode.SPREAD_WIDE: DenialRule(
        "a side of the book is empty, or the spread is wider in cents", stops_reducing=False, setting="spread_max_cents"
    ),
    DenialCode.LIQUIDITY_LOW: DenialRule(
        "the book holds fewer contracts than so many times the order's",
        stops_reducing=False,
        setting="min_liquidity_multiple",
    ),
    DenialCode.BALANCE_TOO_LOW: DenialRule("its cost is more than the cash that is free", stops_reducing=False),
    DenialCode.TRADE_RISK: DenialRule(
        "its cost, fee included, is more percent of the bankroll", stops_reducing=False, setting="max_trade_risk_pct"
    ),
    DenialCode.POSITION_SIZE: DenialRule(
        "the market's position would be more contracts", stops_reducing=False, setting="max_position_size"
    ),
    DenialCode.EVENT_RISK: DenialRule(
        "the event could lose more percent at its worst outcome", stops_reducing=False, setting="max_event_risk_pct"
    ),
    DenialCode.CITY_EXPOSURE: DenialRule(
        "the city's events could lose more percent", stops_reducing=False, setting="max_city_exposure_pct"
    ),
    DenialCode.CLUSTER_EXPOSURE: DenialRule(
        "the cluster's cities could lose more percent", stops_reducing=False, setting="max_cluster_exposure_pct"
    ),
    DenialCode.OPEN_RISK: DenialRule(
        "all events together could lose more percent", stops_reducing=False, setting="max_open_risk_pct"
    ),
}
"""One rule a code; docs/risk.md shows them."""


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
