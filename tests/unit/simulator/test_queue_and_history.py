"""The client and the simulated exchange together, for all that the trader asks less often."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.exchange import Keys
from tests.in_process import Venue, opened_venue
from tests.unit.simulator.intents import resting, taking
from tests.unit.simulator.scripted import MIDDLE, OPENS, ScriptedWorld

from milkbot.domain.units import count
from milkbot.simulator.exchange.archive import LIVE
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import rule
from milkbot.venue.errors import OrderRejectedError
from milkbot.venue.values import PlacedOrder

ORDERS = "/portfolio/events/orders"


def queue_position(venue: Venue, order: PlacedOrder) -> Decimal:
    reply = venue.ask("GET", f"/portfolio/orders/{order.order_id}/queue_position")
    return Decimal(reply.json()["queue_position_fp"])


def archived(venue: Venue, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = venue.ask("GET", f"/historical/{what}").json()[what]
    return found


def test_a_queue_position_counts_better_prices_and_earlier_orders(venue: Venue) -> None:
    first = venue.client.create_order(resting("mb-1", "4", "0.45"))
    second = venue.client.create_order(resting("mb-2", "3", "0.45"))
    behind = venue.client.create_order(resting("mb-3", "1", "0.40"))
    positions = [queue_position(venue, placed) for placed in (first, second, behind)]
    assert positions == [0, 4, 17]
    assert venue.client.queued([MIDDLE]) == [(placed.order_id, MIDDLE) for placed in (first, second, behind)]
    assert venue.client.queued(["KXHIGHNY-26AUG03-T99"]) == []
    venue.client.cancel_order(first.order_id, 0)
    assert queue_position(venue, second) == 0
    assert venue.ask("GET", f"/portfolio/orders/{first.order_id}/queue_position").status_code == 404


def test_amend_and_decrease_report_the_order_as_the_exchange_has_it(venue: Venue) -> None:
    placed = venue.client.create_order(resting(contracts="6"))
    path = f"{ORDERS}/{placed.order_id}"
    change = {"ticker": MIDDLE, "side": "bid", "price": "0.4600", "count": "5.00", "exchange_index": 0}
    amended = venue.ask("POST", f"{path}/amend", json=change).json()
    assert (amended["fill_count"], amended["remaining_count"]) == ("0.00", "5.00")
    for asked, left in (({"reduce_by": "2.00"}, "3.00"), ({"reduce_to": "1.00"}, "1.00")):
        assert venue.ask("POST", f"{path}/decrease", json=asked).json()["remaining_count"] == left
    found = venue.client.order(placed.order_id)
    assert (found.price, found.remaining_count, found.status.value) == (Decimal("0.46"), count(1), "resting")


def test_an_order_expires_at_its_time_without_any_call(venue: Venue) -> None:
    expiry = venue.now() + timedelta(minutes=10)
    placed = venue.client.create_order(resting(expires_at=expiry))
    assert venue.client.order(placed.order_id).expires_at == expiry
    venue.sleep(599)
    assert venue.client.order(placed.order_id).status == "resting"
    venue.sleep(1)
    found = venue.client.order(placed.order_id)
    assert (found.status, found.updated_at) == ("canceled", expiry)


def test_triggering_a_group_cancels_its_orders_and_refuses_new_ones(venue: Venue) -> None:
    group_id = venue.client.create_order_group(3)
    placed = venue.client.create_order(resting("mb-1", "1", "0.30", order_group_id=group_id))
    assert venue.client.order(placed.order_id).order_group_id == group_id
    assert venue.client.order_group(group_id).order_ids == (placed.order_id,)
    venue.client.create_order(taking("mb-2", "4", order_group_id=group_id))
    group = venue.client.order_group(group_id)
    assert (group.is_active, group.order_ids, group.contracts_limit) == (False, (), count(3))
    with pytest.raises(OrderRejectedError, match="order_group_triggered"):
        venue.client.create_order(resting("mb-3", order_group_id=group_id))
    venue.client.reset_order_group(group_id)
    venue.client.create_order(resting("mb-4", order_group_id=group_id))
    venue.client.trigger_order_group(group_id)
    assert {order.status for order in venue.client.orders()} == {"canceled", "executed"}
    assert venue.client.order_group_ids() == [group_id]


def test_old_orders_and_fills_are_in_the_historical_lists_alone(tmp_path: Path, keys: Keys) -> None:
    world = ScriptedWorld()
    world.house.quote(MIDDLE, OPENS, 40, 50)
    with opened_venue(tmp_path, keys, world, OPENS) as venue:
        venue.client.create_order(taking())
        recent = venue.client.fills()
        assert archived(venue, "fills") == archived(venue, "orders") == []
        venue.advance_to(OPENS + LIVE + timedelta(days=2))
        assert (venue.client.orders(), venue.client.fills(), venue.client.positions()) == ([], [], [])
        assert [row["fill_id"] for row in archived(venue, "fills")] == [fill.fill_id for fill in recent]
        assert [row["client_order_id"] for row in archived(venue, "orders")] == ["mb-1"]
        assert len(venue.client.settlements()) == 1


def test_limits_and_schedule_are_read_from_the_exchange(venue: Venue) -> None:
    limits = venue.client.adopt_account_limits()
    assert (limits.tier, limits.read.capacity, limits.write.refill_rate) == ("basic", 600, 100)
    pause = venue.client.schedule().next_pause(venue.now())
    assert pause is not None
    assert (pause.starts_at.isoformat(), pause.ends_at - pause.starts_at) == (
        "2026-07-23T07:00:00+00:00",
        timedelta(hours=2),
    )
    assert venue.client.unknown_fields == {}


def test_fees_of_many_small_fills_equal_those_of_one_fill(venue: Venue) -> None:
    venue.simulator.faults.arm(rule(FaultKind.PARTIAL_FILLS, share=0.3, parts=7))
    venue.client.create_order(taking("mb-1", "0.70"))
    fees = [fill.fee for fill in venue.client.fills()]
    assert (len(fees), len(set(fees))) == (7, 2)
    assert sum(fees, Decimal(0)) == Decimal("0.0037")
    assert venue.account.cash == 1000 - Decimal("0.105") - Decimal("0.0037")
