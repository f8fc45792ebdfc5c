"""Order groups: contracts that trade within any 15 seconds are counted, and one above the limit trips the group."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from milkbot.domain.units import Count
from milkbot.simulator.engine import rejects
from milkbot.simulator.engine.records import Account, Order, OrderGroup
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT

WINDOW = timedelta(seconds=15)
LARGEST_LIMIT = 1_000_000


def create(state: State, account: Account, contracts: Count) -> OrderGroup:
    """A new group. Raises RejectError for a limit outside 1 to a million contracts."""
    group_id, sequence = state.new_id("group")
    group = OrderGroup(group_id, account.key_id, _checked(contracts), sequence)
    state.groups[group_id] = group
    state.touch(group)
    return group


def of_account(state: State, account: Account, group_id: str) -> OrderGroup:
    """One of an account's groups. Raises RejectError for any other."""
    group = state.groups.get(group_id)
    if group is None or group.account != account.key_id or group.is_deleted:
        raise rejects.not_found("order group")
    return group


def open_group(state: State, account: Account, group_id: str) -> OrderGroup:
    """A group that takes orders. Raises RejectError for one that was triggered."""
    group = of_account(state, account, group_id)
    if group.is_triggered:
        raise rejects.group_triggered()
    return group


def orders_of(state: State, group: OrderGroup) -> list[Order]:
    """Its resting orders, oldest first."""
    found = [order for order in state.resting.values() if order.group_id == group.group_id]
    return sorted(found, key=lambda order: order.sequence)


def count(state: State, order: Order, lots: int, at: datetime) -> None:
    """Note what an order of a group traded; `enforce` checks it when the matching is done."""
    group = None if order.group_id is None else state.groups.get(order.group_id)
    if group is None or group.is_deleted:
        return
    group.matched = [(then, part) for then, part in group.matched if then > at - WINDOW] + [(at, lots)]
    state.touch(group)


def enforce(state: State, group_ids: Iterable[str], at: datetime) -> None:
    """Trip those groups in which more was traded than their limit. The order that went over it is not cut."""
    for group_id in sorted(set(group_ids)):
        group = state.groups.get(group_id)
        if group is not None and not group.is_triggered and _within(group, at) > group.limit_lots:
            trigger(state, group, at)


def trigger(state: State, group: OrderGroup, at: datetime) -> None:
    """Cancel its orders and let it take none."""
    group.is_triggered = True
    state.touch(group)
    for order in orders_of(state, group):
        state.cancel(order, at)


def reset(state: State, group: OrderGroup) -> None:
    """Take orders again, counting from zero."""
    group.is_triggered = False
    group.matched = []
    state.touch(group)


def set_limit(state: State, group: OrderGroup, contracts: Count) -> None:
    """Another limit, which may trip it at once. Raises RejectError as create does."""
    group.limit_lots = _checked(contracts)
    state.touch(group)
    enforce(state, [group.group_id], state.now)


def delete(state: State, group: OrderGroup) -> None:
    """Cancel its orders and forget it."""
    trigger(state, group, state.now)
    group.is_deleted = True


def _within(group: OrderGroup, at: datetime) -> int:
    return sum(lots for then, lots in group.matched if then > at - WINDOW)


def _checked(contracts: Count) -> int:
    if not 1 <= contracts <= LARGEST_LIMIT:
        raise rejects.bad_request(f"contracts_limit is {contracts}, expected 1 to {LARGEST_LIMIT}")
    return int(contracts * LOTS_PER_CONTRACT)
