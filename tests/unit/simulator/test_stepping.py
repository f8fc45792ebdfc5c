"""The house's quotes meet resting orders, and what was taken remains taken."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.simulator.scripted import HOUSE, MIDDLE, OPENS, Desk

from milkbot.domain.orders import TimeInForce
from milkbot.simulator.engine.plan import Take

IOC = TimeInForce.IMMEDIATE_OR_CANCEL


def test_taken_quote_does_not_come_back_before_it_changes() -> None:
    desk = Desk()
    desk.quote(40, 50, contracts=10)
    desk.order("bid", "10", "0.50", time_in_force=IOC)
    desk.pass_time(timedelta(minutes=30))

    assert desk.market().orderbook.levels(is_bid=False) == []

    desk.quote(40, 50, contracts=10)
    assert desk.market().orderbook.levels(is_bid=False) == [(50, 1000)]


def test_a_price_touched_for_a_moment_fills_a_resting_order() -> None:
    desk = Desk()
    desk.quote(40, 50)
    order = desk.order("bid", "5", "0.45")
    desk.world.house.quote(MIDDLE, OPENS + timedelta(minutes=5), 30, 45)
    desk.world.house.quote(MIDDLE, OPENS + timedelta(minutes=10), 40, 50)

    desk.pass_time(timedelta(hours=1))

    assert order.filled_lots == 500
    assert desk.state.fills[0].fill.filled_at == OPENS + timedelta(minutes=5)


def test_crowd_takes_the_best_price_first() -> None:
    desk = Desk()
    desk.quote(40, 50)
    order = desk.order("bid", "5", "0.42")
    desk.world.house.quote(MIDDLE, OPENS + timedelta(minutes=5), 40, 50)
    desk.world.house.crowd[MIDDLE, OPENS + timedelta(minutes=5)] = [Take("house:crowd", False, 40, 700)]

    desk.pass_time(timedelta(minutes=6))

    assert order.filled_lots == 500
    assert desk.market().orderbook.levels(is_bid=True) == [(40, 800)]
    assert desk.market().volume == 700


def test_every_contract_bought_was_sold_by_someone() -> None:
    desk = Desk()
    desk.quote(40, 50)
    desk.order("bid", "4", "0.50", time_in_force=IOC)
    desk.order("ask", "3", "0.40", time_in_force=IOC, who="bob")

    market = desk.market()

    assert market.holders == {"alice": 400, "bob": -300, HOUSE: -100}
    assert market.open_interest == 400
