"""An order that leaves a final state, or a log of events that differs from the state, corrupts the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.domain.order_states import (
    NEW,
    OPEN,
    PLAIN,
    RULES,
    TERMINAL,
    TRANSITIONS,
    UNRESOLVED,
    IllegalTransitionError,
    OrderEvent,
    OrderState,
    Rule,
    event_of,
    fold,
)

FOUND = {event for event in OrderEvent if event.startswith("found_")}
BEGINS = [rule for rule in RULES if rule[0] is None]


@st.composite
def histories(draw: st.DrawFn) -> list[Rule]:
    """A walk along the table, as an order's log has it."""
    walked = [draw(st.sampled_from(sorted(BEGINS, key=str)))]
    for _ in range(draw(st.integers(0, 6))):
        onward = [rule for rule in RULES if rule[0] is walked[-1][2]]
        walked.append(draw(st.sampled_from(sorted(onward, key=str))))
    return walked


@given(st.sampled_from(OrderState), st.sampled_from(OrderState))
def test_a_state_changes_only_as_the_table_allows(old: OrderState, new: OrderState) -> None:
    if any((before, after) == (old, new) for before, _, after in PLAIN):
        assert (old, event_of(old, new), new) in PLAIN
    else:
        with pytest.raises(IllegalTransitionError, match=f"{old} cannot become {new}"):
            event_of(old, new)


@given(st.sampled_from([None, *OrderState]), st.sampled_from(OrderEvent), st.sampled_from(OrderState))
def test_an_event_changes_a_state_only_as_the_table_allows(
    old: OrderState | None, event: OrderEvent, new: OrderState
) -> None:
    if (old, event, new) in RULES:
        assert event_of(old, new, event) is event
    else:
        with pytest.raises(IllegalTransitionError, match=f"{event} does not lead from {old or NEW} to {new}"):
            event_of(old, new, event)


def test_two_states_have_at_most_one_plain_event() -> None:
    assert len({(old, new) for old, _, new in PLAIN}) == len(PLAIN)


def test_an_event_leads_to_one_state_whatever_was_before() -> None:
    """The trigger rests on it: a writer that names the event before once more has named none."""
    for event in set(OrderEvent) - {OrderEvent.GENESIS, OrderEvent.NAMED}:
        assert len({new for _, named, new in RULES if named is event}) == 1, event


def test_a_final_state_changes_only_by_evidence_of_the_exchange() -> None:
    left = {event for old, event, new in RULES if old in TERMINAL and old is not new}
    assert left == FOUND
    assert not any(old is OrderState.FILLED for old, _ in TRANSITIONS)


def test_every_open_state_can_end_and_only_pending_becomes_unknown() -> None:
    for state in OPEN:
        assert any(new in TERMINAL for old, new in TRANSITIONS if old is state)
    assert not any(new is OrderState.PENDING for _, new in TRANSITIONS)
    assert {old for old, new in TRANSITIONS if new is OrderState.UNKNOWN} == {OrderState.PENDING}


def test_only_an_order_that_was_never_acknowledged_can_be_rejected() -> None:
    assert {old for old, new in TRANSITIONS if new is OrderState.REJECTED} == UNRESOLVED


def test_the_operator_can_resolve_only_orders_of_unknown_outcome() -> None:
    ruled = {(old, new) for old, event, new in RULES if event.startswith("ruled_")}
    assert {old for old, _ in ruled} == UNRESOLVED
    assert {new for _, new in ruled} == TERMINAL


@given(histories())
def test_replaying_a_log_gives_the_state_after_its_last_event(history: list[Rule]) -> None:
    assert fold(history) is history[-1][2]


@given(histories(), st.data())
def test_a_log_with_a_missing_change_is_refused(history: list[Rule], data: st.DataObject) -> None:
    changes = [index for index, (old, _, new) in enumerate(history[:-1]) if old is not new]
    if not changes:
        return
    lost = data.draw(st.sampled_from(changes))
    with pytest.raises(IllegalTransitionError, match="says that the order was"):
        fold(history[:lost] + history[lost + 1 :])
