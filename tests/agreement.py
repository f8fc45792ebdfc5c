"""Whether the database agrees with the exchange to the last fill: what differs, as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Protocol

from milkbot.simulator.core import Simulator
from milkbot.simulator.engine.collateral import available
from milkbot.simulator.engine.records import Account, Order
from milkbot.venue.values import VenueOrderStatus

OURS = "mb-"
"""How the client ids of the trader's own orders begin."""
START_CASH = Decimal(1000)
_CENT = Decimal("0.0001")
"""Costs of a part of a position are kept to a millionth of a dollar; this much may come together."""
_ENDS = {VenueOrderStatus.EXECUTED: "filled", VenueOrderStatus.CANCELED: "canceled"}


class Ground(Protocol):
    """An exchange, and the ledger of one of its accounts."""

    @property
    def simulator(self) -> Simulator:
        """The exchange's inside."""
        ...

    @property
    def tester(self) -> str:
        """The key of the account, which began with START_CASH."""
        ...

    @property
    def account(self) -> Account:
        """The account itself."""
        ...

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds."""
        ...


def differences(ground: Ground) -> list[str]:
    """Everything in which our ledger and the exchange's differ. Nothing, when all agrees."""
    return [*_orders(ground), *_fills(ground), *_positions(ground), *_settlements(ground), *_cash(ground)]


def _orders(ground: Ground) -> Iterator[str]:
    state = ground.simulator.state
    theirs: dict[str, Order] = {}
    for order in state.orders.values():
        if order.account == ground.tester and order.client_order_id.startswith(OURS):
            if order.client_order_id in theirs:
                yield f"the exchange has {order.client_order_id} twice"
            theirs[order.client_order_id] = order
    listed = "SELECT client_order_id, venue_order_id, state FROM ops.orders WHERE client_order_id LIKE 'mb-%%'"
    ours = {str(name): (venue_id, str(now)) for name, venue_id, now in ground.rows(listed)}
    for name in sorted(theirs.keys() - ours.keys()):
        yield f"order {name} is not in our ledger"
    for name, (venue_id, now) in sorted(ours.items()):
        there = theirs.get(name)
        expected = "rejected" if there is None else _state_of(there)
        if now != expected:
            yield f"order {name} is {now}, and {expected} at the exchange"
        if there is not None and venue_id != there.order_id:
            yield f"order {name} is known as {venue_id}, the exchange calls it {there.order_id}"


def _state_of(order: Order) -> str:
    return _ENDS.get(order.status, "partially_filled" if order.filled_lots else "resting")


def _fills(ground: Ground) -> Iterator[str]:
    wanted = "SELECT venue_fill_id, venue_order_id, ticker, side, count, price, fee, is_taker, filled_at FROM ops.fills"
    ours = {row[0]: tuple(row[1:]) for row in ground.rows(wanted)}
    theirs = {
        filled.fill.fill_id: (
            filled.fill.order_id,
            filled.fill.ticker,
            str(filled.fill.side),
            filled.fill.count,
            filled.fill.price,
            filled.fill.fee,
            filled.fill.is_taker,
            filled.fill.filled_at,
        )
        for filled in ground.simulator.state.fills
        if filled.account == ground.tester
    }
    yield from _compared("fill", ours, theirs)
    stray = """
        SELECT venue_fill_id FROM ops.fills JOIN ops.orders USING (venue_order_id) WHERE fills.order_id IS NULL
    """
    yield from (f"fill {name} is not linked to its order" for (name,) in ground.rows(stray))


def _positions(ground: Ground) -> Iterator[str]:
    wanted = "SELECT ticker, signed_count, cost, fees, realized_pnl FROM ops.positions WHERE NOT is_closed"
    ours = {row[0]: _rounded(*row[1:]) for row in ground.rows(wanted)}
    theirs = {
        ticker: _rounded(held.position.signed_count, held.position.cost, held.position.fees, held.position.realized)
        for ticker, held in ground.account.holdings.items()
        if held.position.signed_count
    }
    yield from _compared("position in", ours, theirs)


def _settlements(ground: Ground) -> Iterator[str]:
    wanted = "SELECT ticker, result, signed_count, revenue FROM ops.settlements"
    ours = {row[0]: tuple(row[1:]) for row in ground.rows(wanted)}
    theirs = {
        settled.ticker: (settled.result, settled.position.signed_count, settled.revenue)
        for settled in ground.simulator.state.settlements
        if settled.account == ground.tester
    }
    yield from _compared("settlement of", ours, theirs)


def _cash(ground: Ground) -> Iterator[str]:
    free = "SELECT cash FROM ops.balance_snapshots ORDER BY id DESC LIMIT 1"
    found = ground.rows(free)
    expected = available(ground.simulator.state, ground.account)
    if not found or abs(found[0][0] - expected) > _CENT:
        yield f"free cash is {found}, the exchange says {expected}"
    realized = """
        SELECT (SELECT coalesce(sum(realized_pnl - fee), 0) FROM ops.fills)
             + (SELECT coalesce(sum(realized_pnl), 0) FROM ops.settlements)
             - (SELECT coalesce(sum(cost), 0) FROM ops.positions WHERE NOT is_closed)
    """
    ((flow,),) = ground.rows(realized)
    if abs(START_CASH + flow - ground.account.cash) > _CENT:
        yield f"cash folds to {START_CASH + flow}, the exchange has {ground.account.cash}"


def _rounded(*values: Decimal) -> tuple[Decimal, ...]:
    return tuple(value.quantize(_CENT) for value in values)


def _compared(what: str, ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"{what} {name}: we have {ours.get(name)}, the exchange {theirs.get(name)}"
