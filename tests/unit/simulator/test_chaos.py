"""With every fault at once the exchange itself must still add up, or a book that disagrees with it proves nothing."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from tests.exchange import Keys
from tests.in_process import Venue, opened_venue
from tests.unit.simulator.intents import resting, taking
from tests.unit.simulator.scripted import DETERMINED, HIGH, LOW, MIDDLE, OPENS, ScriptedWorld

from milkbot.domain.positions import fold
from milkbot.errors import MilkbotError
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import FaultPlan
from milkbot.simulator.world.draws import Draws
from milkbot.venue.calls.orders import order_body

STEPS = 150


def world_of_quotes(draws: Draws) -> ScriptedWorld:
    """Quotes in all three brackets that wander for some hours."""
    world = ScriptedWorld()
    for ticker in (LOW, MIDDLE, HIGH):
        for minutes in range(0, 300, 3):
            bid = int(draws.between(20, 60))
            world.house.quote(ticker, OPENS + timedelta(minutes=minutes), bid, bid + int(draws.between(1, 8)))
    return world


def act(venue: Venue, draws: Draws, step: int) -> None:
    """One thing that a trader may do; whatever it says is let be, as long as it says it in our own words."""
    choice, at, ticker = draws.uniform(), f"{draws.between(0.2, 0.6):.2f}", (LOW, MIDDLE, HIGH)[step % 3]
    ids = [order.order_id for order in venue.orders]
    some = ids[int(draws.uniform() * len(ids))] if ids else "none"
    try:
        if choice < 0.35:
            venue.client.create_order(resting(f"mb-{step}", "3", at, ticker=ticker))
        elif choice < 0.55:
            venue.client.create_order(taking(f"mb-{step}", "2", at, ticker=ticker))
        elif choice < 0.65:
            venue.client.cancel_order(some, 0)
        elif choice < 0.7:
            batch = [order_body(resting(f"mb-{step}-{part}", "1", at, ticker=ticker)) for part in range(3)]
            venue.ask("POST", "/portfolio/events/orders/batched", json={"orders": batch})
        elif choice < 0.75:
            venue.client.cancel_all()
        elif choice < 0.9:
            venue.client.fills()
        else:
            venue.client.orders()
    except (MilkbotError, httpx2.TransportError):
        return
    finally:
        venue.sleep(draws.between(1, 120))


def run(directory: Path, keys: Keys, seed: int) -> tuple[list[tuple[str, str, int | str]], Decimal, set[FaultKind]]:
    """What went over the wire, the cash at the end, and which faults there were."""
    draws = Draws(seed, "run")
    with opened_venue(directory, keys, world_of_quotes(draws), OPENS) as venue:
        venue.simulator.set_faults(FaultPlan.seeded(seed, 0.05))
        for step in range(STEPS):
            act(venue, draws, step)
        hit = {one.rule.fault for one in venue.simulator.faults.history}
        venue.simulator.set_faults(FaultPlan())
        venue.advance_to(DETERMINED + timedelta(days=2))
        check(venue)
        return venue.wire.requests, venue.account.cash, hit


def check(venue: Venue) -> None:
    """Orders, fills, positions, settlements and cash of the account agree, and no name was taken twice."""
    assert max(Counter(order.client_order_id for order in venue.orders).values()) == 1
    fills = venue.client.fills()
    assert len({fill.fill_id for fill in fills}) == len(fills)
    by_order: Counter[str] = Counter()
    for fill in fills:
        by_order[fill.order_id] += int(fill.count * 100)
    assert {order.order_id: order.filled_lots for order in venue.orders if order.filled_lots} == by_order
    assert {order.status for order in venue.orders} <= {"canceled", "executed"}

    cash = Decimal(1000)
    settled = {row.ticker: row for row in venue.client.settlements()}
    for ticker in {fill.ticker for fill in fills}:
        position = fold(ticker, [fill for fill in fills if fill.ticker == ticker])
        cash += position.realized - position.cost - position.fees
        if position.signed_count:
            assert settled[ticker].yes_count - settled[ticker].no_count == position.signed_count
            cash += settled[ticker].revenue
    assert venue.account.cash == cash


@pytest.mark.parametrize("seed", range(4))
def test_the_exchange_conserves_cash_and_contracts_under_all_faults(tmp_path: Path, keys: Keys, seed: int) -> None:
    _, _, hit = run(tmp_path / "once", keys, seed)
    assert len(hit) >= 10


def test_the_same_seed_gives_the_same_result_to_the_last_cent(tmp_path: Path, keys: Keys) -> None:
    first, second = run(tmp_path / "first", keys, 11), run(tmp_path / "second", keys, 11)
    assert first == second
    assert first[0] != run(tmp_path / "third", keys, 12)[0]
