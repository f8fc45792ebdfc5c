"""What an event may lose at its worst outcome, over its mutually exclusive brackets and over which open orders fill.

Let an outcome k be the bracket that wins, or "none of those that we know". Under k a contract of what is held or
ordered in market i pays a_k(i), which is 0 or 1. Positions are fixed; an open order j fills some part x_j of its count,
0 <= x_j <= r_j, and each of its contracts brings a_k(j) - c_j. A bought NO and a held YES of one market pays a
dollar in every outcome, as the exchange pays it when both are netted, so fills add up, but for one thing: a gain that
netting realizes is cash from then on, and must not pay for what else the event may lose. It is taken off:

    result(k, x) = sum_i (held_i a_k(i) - cost_i) + sum_j x_j (a_k(j) - c_j) - sum_i max(0, gain_i(x))

A contract that closes one held at the average cost m gains 1 - c_j - m. So it brings nothing where the held leg loses
under k, or does not fill; where the held leg wins it takes 1 - m away, or c_j, whichever is more. Only as many close as
are held, and the worst are those bought for the least. With h_i contracts of the winning leg held:

    worst = min over k of [ sum_i (held_i a_k(i) - cost_i) + sum_j min(0, r_j (a_k(j) - c_j))
                            - sum_i sum over the h_i cheapest closing contracts of max(0, 1 - c_j - m_i) ]

with one sum a market, in (markets + orders) steps an outcome and no search over subsets. Whatever fills, in whatever
order, the ledger that it leaves has no more at risk than this. A scalar result lies between the outcomes and cannot be
worse. tests/unit/risk/test_exposure.py holds it against every outcome and every set of fills.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from milkbot.domain.orders import Leg
from milkbot.domain.units import ONE, ZERO, Cash, Count


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held in a market: `signed_count` > 0 is YES, < 0 is NO; `cost` is what it was bought for, in dollars."""

    ticker: str
    signed_count: Count
    cost: Cash


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """The part of an order that may fill still: it buys `count` of `leg` at `each` dollars a contract, all in."""

    ticker: str
    leg: Leg
    count: Count
    each: Cash

    @property
    def cost(self) -> Cash:
        """Dollars paid if it fills whole."""
        return Cash(self.count * self.each)


@dataclass(frozen=True, slots=True)
class EventLedger:
    """Everything at stake in one event.

    `exclusive`: at most one of its markets resolves to YES. `brackets`: all its markets where they are known to cover
    every outcome, so that exactly one wins; empty where they are not: then none of them may win, too.
    """

    holdings: tuple[Holding, ...] = ()
    orders: tuple[OpenOrder, ...] = ()
    brackets: frozenset[str] = frozenset()
    exclusive: bool = True

    def with_order(self, order: OpenOrder) -> EventLedger:
        """The ledger once that order is open too."""
        return replace(self, orders=(*self.orders, order))

    @property
    def tickers(self) -> frozenset[str]:
        """The markets in which something is at stake."""
        return frozenset([*(held.ticker for held in self.holdings), *(order.ticker for order in self.orders)])


def worst_result(ledger: EventLedger) -> Cash:
    """Dollars won (lost: negative) over all that is at stake, at the worst outcome and the worst fills."""
    if not ledger.exclusive:
        return Cash(sum((_worst(_only(ledger, ticker), (ticker, None)) for ticker in ledger.tickers), ZERO))
    return _worst(ledger, _winners(ledger))


def at_risk(ledger: EventLedger) -> Cash:
    """Dollars that may be lost; a ledger that wins whatever happens risks nothing."""
    return Cash(max(ZERO, -worst_result(ledger)))


def result_if(ledger: EventLedger, winner: str | None) -> Cash:
    """Dollars won (lost: negative) if `winner` resolves to YES and all others to NO, with the worst fills for that."""
    held = sum((_paid(holding, winner) - holding.cost for holding in ledger.holdings), ZERO)
    orders = sum((min(ZERO, order.count * (_pays(order, winner) - order.each)) for order in ledger.orders), ZERO)
    gains = sum((_gain(holding, ledger.orders) for holding in ledger.holdings if _paid(holding, winner)), ZERO)
    return Cash(held + orders - gains)


def _gain(holding: Holding, orders: Iterable[OpenOrder]) -> Cash:
    """Dollars that the orders may turn into cash by closing what is held."""
    closing = Leg.NO if holding.signed_count > ZERO else Leg.YES
    left, gain = abs(holding.signed_count), ZERO
    average = holding.cost / left
    for order in sorted((o for o in orders if (o.ticker, o.leg) == (holding.ticker, closing)), key=lambda o: o.each):
        closed = min(left, order.count)
        gain += closed * max(ZERO, ONE - order.each - average)
        left = Count(left - closed)
    return Cash(gain)


def _worst(ledger: EventLedger, winners: Iterable[str | None]) -> Cash:
    return min(result_if(ledger, winner) for winner in winners)


def _winners(ledger: EventLedger) -> tuple[str | None, ...]:
    """The outcomes that differ for this ledger: each of its markets, and another or none, unless there is no other."""
    at_stake = tuple(sorted(ledger.tickers))
    every_bracket_is_at_stake = bool(ledger.brackets) and ledger.brackets <= ledger.tickers
    return at_stake if every_bracket_is_at_stake else (*at_stake, None)


def _only(ledger: EventLedger, ticker: str) -> EventLedger:
    return EventLedger(
        tuple(holding for holding in ledger.holdings if holding.ticker == ticker),
        tuple(order for order in ledger.orders if order.ticker == ticker),
    )


def _paid(holding: Holding, winner: str | None) -> Cash:
    wins = (holding.signed_count > ZERO) == (holding.ticker == winner)
    return Cash(abs(holding.signed_count) if wins else ZERO)


def _pays(order: OpenOrder, winner: str | None) -> Cash:
    return Cash(ONE if (order.leg is Leg.YES) == (order.ticker == winner) else ZERO)
