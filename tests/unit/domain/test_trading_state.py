"""A hold that ends must not end another: the strongest in force counts, always."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.domain.trading_state import (
    STATE_OF,
    Effect,
    Hold,
    StateRecord,
    TradingState,
    in_force,
    size_factor,
    state_of,
)

NOW = datetime(2026, 8, 3, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hold(number: int, effect: Effect, until: datetime | None = None, by: str | None = None) -> Hold:
    return Hold(number, f"source {number}", effect, "a reason", NOW - HOUR, until, by)


HOLDS = st.lists(
    st.builds(
        hold,
        st.integers(1, 99),
        st.sampled_from(Effect),
        st.none() | st.integers(-3, 3).map(lambda hours: NOW + hours * HOUR),
        st.none() | st.just("ann"),
    ),
    max_size=6,
)


def test_without_holds_trading_is_active_at_full_size() -> None:
    assert state_of([], NOW) is TradingState.ACTIVE
    assert size_factor([], NOW) == 1


@pytest.mark.parametrize(
    ("effect", "state", "factor"),
    [
        (Effect.HALF_SIZE, TradingState.ACTIVE, "0.5"),
        (Effect.REDUCING, TradingState.REDUCING, "1"),
        (Effect.HALTED, TradingState.HALTED, "1"),
    ],
)
def test_each_hold_has_its_own_effect(effect: Effect, state: TradingState, factor: str) -> None:
    assert STATE_OF[effect] is state
    assert state_of([hold(1, effect)], NOW) is state
    assert size_factor([hold(1, effect)], NOW) == Decimal(factor)


def test_half_size_applies_until_its_hold_ends() -> None:
    halved = [hold(1, Effect.HALF_SIZE, NOW + HOUR)]
    assert size_factor(halved, NOW) == Decimal("0.5")
    assert size_factor(halved, NOW + HOUR) == 1


def test_a_hold_is_in_force_until_its_end_and_not_at_it() -> None:
    ending = hold(1, Effect.HALTED, NOW + HOUR)
    assert ending.in_force(NOW + HOUR - timedelta(microseconds=1))
    assert not ending.in_force(NOW + HOUR)
    assert hold(1, Effect.HALTED).in_force(NOW + timedelta(days=999))


def test_an_acknowledged_hold_is_no_longer_in_force() -> None:
    assert not hold(1, Effect.HALTED, by="ann").in_force(NOW)
    assert state_of([hold(1, Effect.HALTED, by="ann"), hold(2, Effect.REDUCING)], NOW) is TradingState.REDUCING


def test_the_end_of_a_weaker_hold_does_not_end_the_operators_halt() -> None:
    holds = [hold(1, Effect.HALTED), hold(2, Effect.REDUCING, NOW + HOUR)]
    for moment in (NOW, NOW + HOUR, NOW + timedelta(days=99)):
        assert state_of(holds, moment) is TradingState.HALTED


def test_the_end_of_a_halt_does_not_end_a_weaker_hold() -> None:
    holds = [hold(1, Effect.HALTED, NOW + HOUR), hold(2, Effect.REDUCING)]
    assert state_of(holds, NOW) is TradingState.HALTED
    assert state_of(holds, NOW + HOUR) is TradingState.REDUCING


def test_holds_are_sorted_by_strength_then_duration_then_age() -> None:
    listed = [
        hold(1, Effect.HALF_SIZE),
        hold(2, Effect.HALTED, NOW + HOUR),
        hold(3, Effect.HALTED, NOW + 2 * HOUR),
        hold(4, Effect.REDUCING),
        hold(6, Effect.HALTED),
        hold(5, Effect.HALTED),
        hold(7, Effect.HALTED, NOW),
    ]
    assert [found.id for found in in_force(listed, NOW)] == [5, 6, 3, 2, 4, 1]


@given(HOLDS)
def test_ending_a_hold_never_makes_the_state_stricter(holds: list[Hold]) -> None:
    strength = list(TradingState)
    before = strength.index(state_of(holds, NOW))
    for number in range(len(holds)):
        fewer = holds[:number] + holds[number + 1 :]
        assert strength.index(state_of(fewer, NOW)) <= before


@given(HOLDS)
def test_the_state_is_that_of_the_worst_hold_in_force(holds: list[Hold]) -> None:
    counting = [found for found in holds if found.in_force(NOW)]
    worst = max((list(Effect).index(found.effect) for found in counting), default=-1)
    assert state_of(holds, NOW) is [TradingState.ACTIVE, *STATE_OF.values()][worst + 1]


def test_a_stored_state_ends_at_its_time() -> None:
    record = StateRecord(TradingState.HALTED, "x", NOW, NOW + HOUR, None)
    assert record.at(NOW) is TradingState.HALTED
    assert record.at(NOW + HOUR) is TradingState.ACTIVE
    assert replace(record, until=None).at(NOW + 99 * HOUR) is TradingState.HALTED
