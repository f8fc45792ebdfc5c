"""From listing to payout."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.unit.simulator.scripted import CLOSES, CREATED, DETERMINED, HIGH, LOW, MIDDLE, OPENS, PLAN, Desk

from milkbot.domain.markets import MarketStatus
from milkbot.domain.orders import TimeInForce
from milkbot.simulator.engine.changing import cancel
from milkbot.simulator.engine.collateral import available
from milkbot.simulator.engine.rejects import RejectError
from milkbot.venue.values import VenueOrderStatus

IOC = TimeInForce.IMMEDIATE_OR_CANCEL
AFTER_ALL = DETERMINED + timedelta(hours=2)


def test_a_market_passes_every_stage_in_order() -> None:
    moments = (CREATED, OPENS, CLOSES, DETERMINED, DETERMINED + timedelta(hours=1))
    before = [PLAN.status(moment - timedelta(seconds=1)) for moment in moments[1:]]

    assert before == [
        MarketStatus.INITIALIZED,
        MarketStatus.ACTIVE,
        MarketStatus.CLOSED,
        MarketStatus.DETERMINED,
    ]
    assert PLAN.status(moments[-1]) is MarketStatus.FINALIZED


def test_winner_is_paid_a_dollar_and_the_loser_nothing_once() -> None:
    desk = Desk()
    desk.quote(40, 50)
    desk.quote(40, 50, ticker=HIGH)
    desk.order("bid", "3", "0.50", time_in_force=IOC)
    desk.order("bid", "2", "0.50", time_in_force=IOC, ticker=HIGH)
    before = desk.alice.cash

    desk.pass_time(AFTER_ALL)
    desk.pass_time(timedelta(days=3))

    assert desk.alice.cash == before + 3
    assert [(s.ticker, s.result, s.revenue) for s in desk.state.settlements] == [
        (MIDDLE, "yes", Decimal(3)),
        (HIGH, "no", Decimal(0)),
    ]
    assert desk.alice.holdings[MIDDLE].position.realized == Decimal("1.50")


def test_no_pays_when_the_bracket_does_not_win() -> None:
    desk = Desk()
    desk.quote(40, 50, ticker=LOW)
    desk.order("ask", "2", "0.40", time_in_force=IOC, ticker=LOW)
    before = desk.alice.cash

    desk.pass_time(AFTER_ALL)

    assert desk.alice.cash == before + 2


def test_exactly_one_market_of_an_event_resolves_to_yes() -> None:
    for high, winner in ((79, LOW), (80, MIDDLE), (81, MIDDLE), (82, HIGH)):
        desk = Desk()
        desk.world.high = high
        desk.pass_time(AFTER_ALL)

        results = {market.ticker for market in desk.state.markets.values() if market.result == "yes"}
        assert results == {winner}
        assert {market.expiration_value for market in desk.state.markets.values()} == {f"{high}.00"}


def test_result_is_hidden_until_it_is_determined() -> None:
    desk = Desk()

    desk.pass_time(DETERMINED - timedelta(seconds=1))

    assert {(market.result, market.expiration_value) for market in desk.state.markets.values()} == {("", "")}


def test_close_removes_resting_orders_and_refuses_even_cancels() -> None:
    desk = Desk()
    order = desk.order("bid", "5", "0.45")
    desk.state.now = CLOSES
    with pytest.raises(RejectError) as error:
        cancel(desk.state, desk.alice, order.order_id)
    desk.state.now = OPENS

    desk.pass_time(CLOSES + timedelta(seconds=1))

    assert error.value.code == "market_closed"
    assert (order.status, order.updated_at) == (VenueOrderStatus.CANCELED, CLOSES)
    assert available(desk.state, desk.alice) == 100
    assert not list(desk.market().orderbook)


def test_one_long_step_gives_the_same_result_as_many_short_ones() -> None:
    results = []
    for step in (timedelta(days=4), timedelta(minutes=30)):
        desk = Desk()
        desk.quote(40, 50)
        desk.world.house.quote(MIDDLE, OPENS + timedelta(hours=2), 30, 44)
        desk.order("bid", "5", "0.45")
        while desk.state.now < AFTER_ALL:
            desk.pass_time(step)
        results.append((desk.alice.cash, [fill.fill.filled_at for fill in desk.state.fills]))

    assert results[0] == results[1]
