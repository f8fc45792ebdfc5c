"""The weekly maintenance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.simulator.scripted import MIDDLE, PLAN, Desk

from milkbot.simulator.engine.changing import cancel
from milkbot.simulator.engine.pause import is_paused, pauses_between, resumes_at
from milkbot.simulator.engine.rejects import RejectError
from milkbot.venue.values import VenueOrderStatus

SUMMER_THURSDAY = datetime(2026, 7, 23, 7, 0, tzinfo=UTC)
WINTER_THURSDAY = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("start", [SUMMER_THURSDAY, WINTER_THURSDAY])
def test_pause_follows_eastern_civil_time_through_the_year(start: datetime) -> None:
    assert not is_paused(start - timedelta(seconds=1))
    assert is_paused(start)
    assert is_paused(start + timedelta(minutes=119))
    assert not is_paused(start + timedelta(hours=2))
    assert resumes_at(start) == start + timedelta(hours=2)
    assert not is_paused(start + timedelta(days=1))


def test_no_pause_is_skipped_however_long_a_step_of_time() -> None:
    weeks = pauses_between(SUMMER_THURSDAY - timedelta(days=1), SUMMER_THURSDAY + timedelta(days=20))

    assert weeks == [SUMMER_THURSDAY + timedelta(weeks=week) for week in range(3)]


def desk_before_the_pause() -> Desk:
    desk = Desk()
    long = replace(
        PLAN, closes_at=SUMMER_THURSDAY + timedelta(days=1), determined_at=SUMMER_THURSDAY + timedelta(days=2)
    )
    desk.state.plans[PLAN.ticker] = long
    for market in desk.state.markets.values():
        market.plan = long
    return desk


def test_in_a_pause_orders_are_refused_and_cancels_are_not() -> None:
    desk = desk_before_the_pause()
    kept = desk.order("bid", "5", "0.45")
    desk.pass_time(SUMMER_THURSDAY + timedelta(minutes=1))

    with pytest.raises(RejectError) as error:
        desk.order("bid", "5", "0.45")

    assert error.value.code == "trading_is_paused"
    assert cancel(desk.state, desk.alice, kept.order_id)[1] == 500


def test_a_pause_cancels_orders_marked_for_it_and_fills_none() -> None:
    desk = desk_before_the_pause()
    kept = desk.order("bid", "5", "0.45")
    leaves = desk.order("bid", "5", "0.44", cancel_order_on_pause=True)
    desk.world.house.quote(MIDDLE, SUMMER_THURSDAY + timedelta(minutes=30), 30, 40)

    desk.pass_time(SUMMER_THURSDAY + timedelta(minutes=60))

    assert kept.status is VenueOrderStatus.RESTING
    assert (leaves.status, leaves.updated_at) == (VenueOrderStatus.CANCELED, SUMMER_THURSDAY)
