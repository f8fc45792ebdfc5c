"""What the exchange's operator or the market may do out of turn. Faults call these within a request's turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from milkbot.domain.markets import MarketStatus
from milkbot.domain.units import ONE, ZERO, Cash, Price
from milkbot.simulator.engine.lifecycle import close, outcome, payout
from milkbot.simulator.engine.matching import execute
from milkbot.simulator.engine.orderbook import Crossing, Match, Resting
from milkbot.simulator.engine.pause import Outage, resumes_at
from milkbot.simulator.engine.records import Market, Order
from milkbot.simulator.engine.rejects import bad_request
from milkbot.simulator.engine.state import State

STRANGER = "house:stranger"


def deactivate(state: State, market: Market, lasting: timedelta) -> None:
    """Stop a market that is open. Resting orders remain until it goes on, and then they are all canceled."""
    _expect(market, state, MarketStatus.ACTIVE)
    market.irregular.inactive_until = state.now + lasting
    _note(state, market)


def halt(state: State, market: Market, lasting: timedelta) -> None:
    """Stop the trading of a market that is open, and go on to list it as active. Its resting orders remain."""
    _expect(market, state, MarketStatus.ACTIVE)
    market.irregular.halted_until = state.now + lasting
    state.touch(market)


def close_early(state: State, market: Market) -> None:
    """Close a market that is open or stopped, as after its close time; it is determined when its event is."""
    _expect(market, state, MarketStatus.ACTIVE, MarketStatus.INACTIVE)
    market.irregular.closed_at = state.now
    close(state, market, state.now)
    _note(state, market)


def dispute(state: State, market: Market, lasting: timedelta, high: int | None) -> None:
    """Hold a market's payout up from its determination on; after the dispute it is amended, with another high if given.

    Its settlement timer then starts again. Raises RejectError for a market that was paid out already.
    """
    if market.status(state.now) in {MarketStatus.FINALIZED, MarketStatus.AMENDED}:
        raise bad_request(f"market {market.ticker} is {market.status(state.now)}, too late for a dispute")
    market.irregular.disputed_until = max(state.now, market.plan.determined_at) + lasting
    market.irregular.amended_high = high
    _note(state, market)


def resettle(state: State, market: Market, high: int) -> None:
    """Correct a market that was paid out, by another official high: what was paid wrongly is taken back or added.

    The account's settlement of it is the corrected one from then on, settled at this moment.
    """
    _expect(market, state, MarketStatus.FINALIZED)
    before = market.result
    market.result, market.expiration_value = outcome(market, high)
    market.updated_at = state.now
    state.touch(market)
    if market.result == before:
        return
    for at, row in enumerate(state.settlements):
        if row.ticker != market.ticker:
            continue
        corrected = Cash(payout(row.position, Price(ONE if market.result == "yes" else ZERO)))
        difference = corrected - row.revenue
        account = state.accounts[row.account]
        account.cash += difference
        account.updated_at = state.now
        held = account.holdings[row.ticker]
        position = replace(held.position, realized=Cash(held.position.realized + difference))
        account.holdings[row.ticker] = replace(held, position=position, updated_at=state.now)
        state.settlements[at] = replace(row, result=market.result, revenue=corrected, at=state.now)
        state.touch(state.settlements[at])
        state.touch(account)


def pause(state: State, lasting: timedelta, *, whole_exchange: bool) -> None:
    """Stop trading at once, or the whole exchange. Orders that asked for it are canceled as the pause begins."""
    state.outage = Outage(state.now + lasting, whole_exchange)
    state.dirty = True
    for order in [order for order in state.resting.values() if order.cancel_on_pause]:
        state.cancel(order, state.now)


def resume(state: State) -> None:
    """End the pause that holds, the weekly one too; canceled orders remain canceled. Without a pause: nothing."""
    state.reopened_until = resumes_at(state.now)
    state.outage = None
    state.dirty = True


def fill_resting(state: State, order: Order, lots: int) -> None:
    """Let a stranger trade against a resting order at its price, past everyone before it in the queue."""
    market = state.markets[order.ticker]
    own = next(resting for resting in market.orderbook if resting.ref == order.order_id)
    crossing = Crossing((Match(own, min(lots, order.remaining_lots)),), (), stopped=False)
    execute(state, market, STRANGER, None, crossing, state.now)


def thin_out(market: Market, *, is_bid: bool, cents: int, lots: int, parts: int) -> None:
    """Leave `lots` of the house's offers that an incoming order would meet, and cut each into that many pieces."""
    kept: list[Resting] = []
    for resting in market.orderbook.side(is_bid=not is_bid):
        reachable = resting.cents <= cents if is_bid else resting.cents >= cents
        if not (resting.is_house and reachable):
            kept.append(resting)
            continue
        left = min(resting.lots, lots)
        lots -= left
        sizes = [left // parts + (1 if piece < left % parts else 0) for piece in range(parts)]
        kept += [replace(resting, lots=size) for size in sizes if size]
    if is_bid:
        market.orderbook.asks = kept
    else:
        market.orderbook.bids = kept


def another_high(market: Market) -> int:
    """A high that turns a market's result: into its bracket where it ended outside, else out of it."""
    strike = market.strike
    edge = (strike.cap or 0) if strike.floor is None else strike.floor
    candidates = (edge, edge + 1, edge - 1, edge + 10, edge - 10)
    return next(high for high in candidates if strike.contains(high) is not (market.result == "yes"))


def _expect(market: Market, state: State, *statuses: MarketStatus) -> None:
    found = market.status(state.now)
    if found not in statuses:
        raise bad_request(f"market {market.ticker} is {found}, expected {' or '.join(statuses)}")


def _note(state: State, market: Market) -> None:
    market.updated_at = state.now
    state.irregular.add(market.ticker)
    state.touch(market)
