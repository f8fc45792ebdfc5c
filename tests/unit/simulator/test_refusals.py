"""The simulator refuses a create as the exchange does: with a code of its own, tests would pass that trading fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.in_process import Venue
from tests.unit.simulator.intents import resting, taking
from tests.unit.simulator.scripted import CLOSES, MIDDLE

from milkbot.simulator.engine import rejects
from milkbot.simulator.engine.rejects import RejectError
from milkbot.simulator.exchange.auth import unauthorized
from milkbot.simulator.exchange.errors import too_many_requests
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import rule
from milkbot.venue.errors import OrderRejectedError
from milkbot.venue.refusals import refusal_of

OF_A_CREATE: list[Callable[[], RejectError]] = [
    lambda: rejects.bad_request("x"),
    lambda: rejects.invalid_order("x"),
    lambda: rejects.invalid_price("x"),
    lambda: rejects.invalid_size("x"),
    rejects.insufficient_balance,
    rejects.market_inactive,
    rejects.market_closed,
    rejects.trading_is_paused,
    rejects.exchange_is_paused,
    rejects.group_triggered,
    rejects.post_only_cross,
    rejects.nothing_to_reduce,
    rejects.fok_insufficient_volume,
    rejects.already_exists,
    lambda: rejects.not_found("market M"),
    lambda: RejectError(410, "deprecated_v1_order_endpoint", "x"),
    too_many_requests,
    lambda: unauthorized("NOT_FOUND"),
]


@pytest.mark.parametrize("refused", OF_A_CREATE, ids=lambda refused: refused().code)
def test_each_refusal_of_a_create_is_one_that_the_client_knows(refused: Callable[[], RejectError]) -> None:
    error = refused()
    row = refusal_of(error.code, error.details)
    assert row is not None
    assert error.status in row.statuses
    assert row.details == error.details or not row.details
    assert row.proves is (error.code != "order_already_exists")


@pytest.mark.parametrize(
    ("error", "wire"),
    [
        (rejects.trading_is_paused(), (409, "trading_is_paused", "")),
        (rejects.market_closed(), (409, "market_closed", "")),
        (rejects.fok_insufficient_volume(), (409, "fill_or_kill_insufficient_resting_volume", "")),
        (rejects.post_only_cross(), (400, "invalid_order", "post only cross")),
        (rejects.already_exists(), (409, "order_already_exists", "")),
    ],
)
def test_the_refusals_that_were_seen_at_the_exchange_are_answered_alike(
    error: RejectError, wire: tuple[int, str, str]
) -> None:
    assert (error.status, error.code, error.details) == wire


def refused(venue: Venue, name: str) -> tuple[str, int]:
    with pytest.raises(OrderRejectedError) as error:
        venue.client.create_order(taking(name))
    return error.value.reason, error.value.http_status


def test_a_halted_market_is_listed_as_active_and_takes_no_order(venue: Venue) -> None:
    placed = venue.client.create_order(resting())
    venue.simulator.faults.arm(rule(FaultKind.MARKET_HALTED, ticker=MIDDLE, seconds=600))
    assert venue.client.exchange_status().trading_active
    assert refused(venue, "mb-2") == ("trading_is_paused", 409)
    assert all(market.status == "active" for market in venue.client.event(MIDDLE.rpartition("-")[0]).markets)
    venue.simulator.world.house.quote(MIDDLE, venue.now() + timedelta(minutes=1), 20, 30)  # type: ignore[attr-defined]
    venue.sleep(120)
    assert venue.client.fills() == [], "nothing trades in it"
    assert venue.client.cancel_order(placed.order_id, 0) == 4
    venue.sleep(480)
    assert venue.client.create_order(taking("mb-3")).fill_count > 0


def test_a_closed_market_says_that_it_is_closed(venue: Venue) -> None:
    venue.advance_to(CLOSES + timedelta(minutes=1))
    assert refused(venue, "mb-1") == ("market_closed", 409)


def test_a_post_only_order_that_would_take_is_refused_with_its_details(venue: Venue) -> None:
    with pytest.raises(OrderRejectedError) as error:
        venue.client.create_order(resting("mb-1", at="0.90", post_only=True))
    assert error.value.reason == "invalid_order: post only cross"
