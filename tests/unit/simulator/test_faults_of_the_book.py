"""Fills that come in pieces, twice, late or while an order is canceled: quantity must come from fills, each once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.in_process import Venue
from tests.unit.simulator.intents import resting, taking
from tests.unit.simulator.scripted import MIDDLE

from milkbot.domain.positions import fold
from milkbot.domain.units import count
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import rule


def held(venue: Venue) -> Decimal:
    return venue.account.holdings[MIDDLE].position.signed_count


def test_an_order_that_fills_during_its_cancel_is_filled_and_not_canceled(venue: Venue) -> None:
    placed = venue.client.create_order(resting())
    venue.simulator.faults.arm(rule(FaultKind.FILL_WHILE_CANCELING))
    assert venue.client.cancel_order(placed.order_id, 0) == 0
    assert (venue.orders[0].status.value, held(venue)) == ("executed", Decimal(4))


def test_a_part_that_fills_during_a_cancel_is_not_reported_as_canceled(venue: Venue) -> None:
    placed = venue.client.create_order(resting())
    venue.simulator.faults.arm(rule(FaultKind.FILL_WHILE_CANCELING, count=1.5))
    assert venue.client.cancel_order(placed.order_id, 0) == Decimal("2.5")
    assert (venue.orders[0].status, held(venue)) == ("canceled", Decimal("1.5"))


@pytest.mark.parametrize("call", ["cancel_all", "batch_cancel"])
def test_orders_can_fill_during_a_batch_cancel(venue: Venue, call: str) -> None:
    placed = venue.client.create_order(resting())
    venue.simulator.faults.arm(rule(FaultKind.FILL_WHILE_CANCELING, call=call, count=1))
    if call == "cancel_all":
        venue.client.cancel_all()
    else:
        reply = venue.ask(
            "DELETE", "/portfolio/events/orders/batched", json={"orders": [{"order_id": placed.order_id}]}
        )
        assert [row["reduced_by"] for row in reply.json()["orders"]] == ["3.00"]
    assert held(venue) == 1


def test_an_order_fills_partly_in_many_pieces(venue: Venue) -> None:
    venue.simulator.faults.arm(rule(FaultKind.PARTIAL_FILLS, share=0.6, parts=3))
    placed = venue.client.create_order(taking(contracts="5"))
    fills = venue.client.fills()
    assert (placed.fill_count, placed.remaining_count) == (count(3), count(0))
    assert [fill.count for fill in fills] == [1, 1, 1]
    assert fold(MIDDLE, fills).signed_count == held(venue) == 3


def test_the_rest_of_a_partly_filled_order_rests_if_it_may(venue: Venue) -> None:
    venue.simulator.faults.arm(rule(FaultKind.PARTIAL_FILLS, share=0.5))
    placed = venue.client.create_order(resting(at="0.50"))
    assert (placed.fill_count, placed.remaining_count) == (count(2), count(2))
    assert venue.orders[0].status == "resting"


def test_repeated_fills_are_the_same_fills(venue: Venue) -> None:
    venue.client.create_order(taking())
    venue.simulator.faults.arm(rule(FaultKind.DUPLICATE_FILLS))
    doubled = venue.client.fills()
    assert len(doubled) == 2
    assert {fill.fill_id: fill for fill in doubled} == {fill.fill_id: fill for fill in venue.client.fills()}
    assert held(venue) == 4


def test_fills_listed_in_another_order_are_sorted_by_time(venue: Venue) -> None:
    for number in range(3):
        venue.client.create_order(taking(f"mb-{number}", "1"))
        venue.sleep(5)
    venue.simulator.faults.arm(rule(FaultKind.REORDERED_FILLS))
    mixed, plain = venue.client.fills(), venue.client.fills()
    assert mixed == plain
    assert [fill.filled_at for fill in mixed] == sorted(fill.filled_at for fill in mixed)


def test_stale_reads_show_neither_order_nor_fill_and_have_an_old_time(venue: Venue) -> None:
    venue.simulator.faults.arm(rule(FaultKind.LAGGING_READS, seconds=30, times=None))
    venue.client.create_order(taking())
    venue.client.create_order(resting("mb-2"))
    assert (venue.client.orders(), venue.client.fills(), venue.client.positions()) == ([], [], [])
    assert venue.client.balance().cash == 1000
    assert venue.client.user_data_as_of() == venue.now() - timedelta(seconds=30)
    assert len(venue.orders) == 2

    venue.sleep(31)
    assert len(venue.client.orders()) == 2
    assert [position.signed_count for position in venue.client.positions()] == [count(4)]
    assert venue.client.balance().cash == venue.account.cash - Decimal("1.80")
