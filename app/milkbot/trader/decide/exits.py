"""Selling what is held: only where the sale brings so much more than holding that fee and spread are paid for.

Selling a leg is buying the other one at one dollar less its price; the order path knows no other way. A sale is of what
is held and of nothing else, so it can neither open a position nor turn one around.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from milkbot.domain.fees import FeeSchedule, aligned
from milkbot.domain.orderbook import Level, OrderBook
from milkbot.domain.orders import Leg
from milkbot.domain.units import ONE, ZERO, Count, Price, round_down


@dataclass(frozen=True, slots=True)
class Sale:
    """Contracts of `leg` to sell, at `price` or better. `gain`: dollars a contract over holding it, at that price."""

    leg: Leg
    price: Price
    count: Count
    gain: Decimal


def sale_due(held: Count, p_yes: Decimal, orderbook: OrderBook, fees: FeeSchedule, margin: Decimal) -> Sale | None:
    """What to sell of a position now; None to hold it.

    `held` is signed. A contract is worth its leg's probability, as it is held until it settles. Sold, it brings the bid
    less the exact taker fee. It is sold where it brings more than it is worth by more than the spread and `margin`,
    dollars a contract: as much as it may cost to buy it back. Lower bids are taken as long as that holds, and whole
    contracts only, so less than one remains.
    """
    spread = orderbook.spread
    if held == ZERO or spread is None:
        return None
    leg, bids, worth = (Leg.YES, orderbook.yes_bids, p_yes) if held > ZERO else (Leg.NO, orderbook.no_bids, ONE - p_yes)
    least = max(spread, ZERO) + margin
    left, last = abs(held), None
    for level in bids:
        if left <= ZERO or brings(level, fees) - worth <= least:
            break
        left, last = left - level.count, level
    count = round_down(abs(held) - max(left, ZERO), ONE)
    if last is None or count < ONE:
        return None
    return Sale(leg, last.price, Count(count), brings(last, fees) - worth)


def brings(bid: Level, fees: FeeSchedule) -> Decimal:
    """Dollars that a contract brings that is sold to that bid, after the fee."""
    return bid.price - aligned(fees.taker(Count(ONE), bid.price))
