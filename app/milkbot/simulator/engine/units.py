"""Integers inside the book (cents of the YES leg, lots of 0.01 contract), exact decimals at its edge."""

from __future__ import annotations

from decimal import Decimal

from milkbot.domain.units import ONE, Cash, Count, Price

LOTS_PER_CONTRACT = 100
_HUNDRED = Decimal(100)


def price_of(cents: int) -> Price:
    """Dollars of the YES leg."""
    return Price(Decimal(cents) / _HUNDRED)


def count_of(lots: int) -> Count:
    """Contracts."""
    return Count(Decimal(lots) / _HUNDRED)


def cents_of(price: Decimal) -> int:
    """Whole cents of a price that is on the grid."""
    return int(price * _HUNDRED)


def lots_of(contracts: Decimal) -> int:
    """Hundredths of a contract."""
    return int(contracts * LOTS_PER_CONTRACT)


def leg_cost(is_bid: bool, cents: int, lots: int) -> Cash:  # noqa: FBT001 - the side of an order, not a switch
    """Dollars that buying `lots` costs on the leg which a bid (YES) or an ask (NO) buys."""
    price = price_of(cents) if is_bid else ONE - price_of(cents)
    return Cash(price * count_of(lots))
