"""The exchange-side guard: it must trip by what traded in 15 seconds, cancel the rest, and take nothing until reset."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.simulator.scripted import MIDDLE, OPENS, Desk

from milkbot.domain.orders import TimeInForce
from milkbot.domain.units import count
from milkbot.simulator.engine import groups
from milkbot.simulator.engine.records import OrderGroup
from milkbot.simulator.engine.rejects import RejectError

IOC = TimeInForce.IMMEDIATE_OR_CANCEL


@pytest.fixture
def desk() -> Desk:
    """Quotes at 40 and 50 cents, a hundred contracts each."""
    opened = Desk()
    opened.quote(40, 50, contracts=100)
    return opened


@pytest.fixture
def group(desk: Desk) -> OrderGroup:
    """Ten contracts in 15 seconds."""
    return groups.create(desk.state, desk.alice, count(10))


def take(desk: Desk, group: OrderGroup, contracts: str) -> None:
    desk.order("bid", contracts, "0.50", time_in_force=IOC, order_group_id=group.group_id)


def test_trading_up_to_the_limit_does_not_trigger_the_group(desk: Desk, group: OrderGroup) -> None:
    take(desk, group, "10")
    assert not group.is_triggered


def test_trading_above_the_limit_cancels_the_rest_of_the_group_and_nothing_else(desk: Desk, group: OrderGroup) -> None:
    inside = desk.order("bid", "1", "0.30", order_group_id=group.group_id)
    outside = desk.order("bid", "1", "0.30")
    take(desk, group, "6")
    take(desk, group, "4.01")
    assert group.is_triggered
    assert (inside.status, outside.status) == ("canceled", "resting")
    with pytest.raises(RejectError, match="order_group_triggered"):
        take(desk, group, "1")


def test_trades_older_than_the_window_do_not_count(desk: Desk, group: OrderGroup) -> None:
    take(desk, group, "8")
    desk.pass_time(timedelta(seconds=15))
    take(desk, group, "8")
    assert not group.is_triggered
    desk.pass_time(timedelta(seconds=14))
    take(desk, group, "3")
    assert group.is_triggered


def test_trades_of_a_resting_order_count(desk: Desk, group: OrderGroup) -> None:
    first = desk.order("bid", "11", "0.45", order_group_id=group.group_id)
    second = desk.order("bid", "1", "0.20", order_group_id=group.group_id)
    desk.world.house.quote(MIDDLE, OPENS + timedelta(minutes=1), 30, 44, contracts=100)
    desk.pass_time(timedelta(minutes=2))
    assert (first.status, second.status, group.is_triggered) == ("executed", "canceled", True)


def test_the_rest_of_the_order_that_triggered_the_group_is_canceled(desk: Desk, group: OrderGroup) -> None:
    order = desk.order("bid", "120", "0.50", order_group_id=group.group_id)
    assert (order.filled_lots, order.remaining_lots, order.status) == (10_000, 0, "canceled")


def test_a_reset_counts_from_zero_and_ends_a_manual_trigger(desk: Desk, group: OrderGroup) -> None:
    take(desk, group, "9")
    groups.trigger(desk.state, group, desk.state.now)
    with pytest.raises(RejectError, match="order_group_triggered"):
        take(desk, group, "1")
    groups.reset(desk.state, group)
    take(desk, group, "9")
    assert not group.is_triggered


def test_a_limit_below_the_traded_count_triggers_the_group(desk: Desk, group: OrderGroup) -> None:
    take(desk, group, "9")
    groups.set_limit(desk.state, group, count(8))
    assert group.is_triggered


def test_a_deleted_or_foreign_group_is_not_found(desk: Desk, group: OrderGroup) -> None:
    order = desk.order("bid", "1", "0.30", order_group_id=group.group_id)
    with pytest.raises(RejectError, match="not_found"):
        groups.of_account(desk.state, desk.bob, group.group_id)
    groups.delete(desk.state, group)
    assert order.status == "canceled"
    with pytest.raises(RejectError, match="not_found"):
        take(desk, group, "1")


@pytest.mark.parametrize("limit", ["0", "0.5", "1000000.01"])
def test_a_limit_outside_the_exchanges_range_is_refused(desk: Desk, limit: str) -> None:
    with pytest.raises(RejectError, match="contracts_limit"):
        groups.create(desk.state, desk.alice, count(limit))
