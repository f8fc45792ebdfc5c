"""How much of an account's cash is free: what resting orders would cost is set aside, closing orders cost nothing.

Positions in several brackets of one event are not netted against each other, as the exchange does for mutually
exclusive events: the simulator asks for more collateral than the exchange, never for less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from milkbot.domain.units import ZERO
from milkbot.simulator.engine.ledger import position_of
from milkbot.simulator.engine.records import Account, Order
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT, leg_cost


def reserved(orders: Iterable[Order], signed_lots: int) -> Decimal:
    """Dollars that one market's resting orders hold back, oldest first; a part that closes the position is free."""
    closable = {True: max(0, -signed_lots), False: max(0, signed_lots)}
    total = ZERO
    for order in sorted(orders, key=lambda resting: resting.sequence):
        free = min(closable[order.is_bid], order.remaining_lots)
        closable[order.is_bid] -= free
        total += leg_cost(order.is_bid, order.cents, order.remaining_lots - free)
    return total


def reserved_total(state: State, account: Account) -> Decimal:
    """Dollars that all resting orders of an account hold back."""
    by_market: dict[str, list[Order]] = defaultdict(list)
    for order in state.resting.values():
        if order.account == account.key_id:
            by_market[order.ticker].append(order)
    return sum((reserved(orders, signed_lots(account, ticker)) for ticker, orders in by_market.items()), start=ZERO)


def available(state: State, account: Account) -> Decimal:
    """Dollars that a new order may cost."""
    return account.cash - reserved_total(state, account)


def signed_lots(account: Account, ticker: str) -> int:
    """The position in lots, negative for NO."""
    return int(position_of(account, ticker).signed_count * LOTS_PER_CONTRACT)
