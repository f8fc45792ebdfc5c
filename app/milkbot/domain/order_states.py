"""The states of an order, what may happen to it, and the one table by which its state may change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final


class OrderState(StrEnum):
    """Where an order stands in our ledger."""

    PENDING = "pending"
    """The intent is committed; whether a socket was touched is not known yet."""
    UNKNOWN = "unknown"
    """It was sent and the outcome is not known. Counts at its worst case, blocks new risk in its event."""
    RESTING = "resting"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"


class OrderEvent(StrEnum):
    """What happened to an order. Each leads to one state, whatever it was before; GENESIS and NAMED apart."""

    GENESIS = "genesis"
    """It was in the ledger before events were written: they begin with the state that it had."""
    COMMITTED = "committed"
    """Its intent was committed; nothing was sent yet."""
    ADOPTED = "adopted"
    """The exchange has it and the ledger had not: placed manually, or lost with a database."""
    NAMED = "named"
    """The exchange's id of it became known."""
    RESTED = "rested"
    FILLED_IN_PART = "filled_in_part"
    FILLED = "filled"
    CANCELED = "canceled"
    """It is over; what it got, its fills say."""
    EXPIRED = "expired"
    """The exchange ended it at its own expiry."""
    REFUSED = "refused"
    """It does not exist: the exchange proved that by a code that is known, or it was never sent."""
    ANSWER_LOST = "answer_lost"
    ABSENT = "absent"
    """The exchange's listing, fresh enough by its own account, does not show it."""
    RULED_REJECTED = "ruled_rejected"
    """The operator says that it never existed."""
    RULED_CANCELED = "ruled_canceled"
    """The operator says that it is over."""
    RULED_FILLED = "ruled_filled"
    """The operator says that it was filled whole."""
    FOUND_RESTING = "found_resting"
    """The exchange has it, against what was thought."""
    FOUND_FILLED_IN_PART = "found_filled_in_part"
    FOUND_FILLED = "found_filled"
    FOUND_CANCELED = "found_canceled"


NEW: Final = "new"
"""What an order is before its first event."""

_S, _E = OrderState, OrderEvent
_UNSURE = (_S.PENDING, _S.UNKNOWN)
_AT_WORK = (*_UNSURE, _S.RESTING)
_ALIVE = (*_AT_WORK, _S.PARTIALLY_FILLED)
_OVER = (_S.REJECTED, _S.CANCELED)

Rule = tuple[OrderState | None, OrderEvent, OrderState]
"""From, event, to. The beginning is None."""


def _rules() -> Iterator[Rule]:
    yield from ((None, event, _S.PENDING) for event in (_E.COMMITTED, _E.ADOPTED))
    yield from ((state, _E.RESTED, _S.RESTING) for state in _UNSURE)
    yield from ((state, _E.FILLED_IN_PART, _S.PARTIALLY_FILLED) for state in _AT_WORK)
    yield from ((state, _E.FILLED, _S.FILLED) for state in _ALIVE)
    yield from ((state, event, _S.CANCELED) for state in _ALIVE for event in (_E.CANCELED, _E.EXPIRED))
    yield (_S.PENDING, _E.REFUSED, _S.REJECTED)
    yield (_S.PENDING, _E.ANSWER_LOST, _S.UNKNOWN)
    yield from ((state, _E.ABSENT, _S.REJECTED) for state in _UNSURE)
    for event, new in RULINGS.items():
        yield from ((state, event, new) for state in _UNSURE)
    yield from ((state, _E.FOUND_RESTING, _S.RESTING) for state in _OVER)
    yield from ((state, _E.FOUND_FILLED_IN_PART, _S.PARTIALLY_FILLED) for state in _OVER)
    yield from ((state, _E.FOUND_FILLED, _S.FILLED) for state in _OVER)
    yield (_S.REJECTED, _E.FOUND_CANCELED, _S.CANCELED)
    yield from ((None, _E.GENESIS, state) for state in _S)
    yield from ((state, _E.NAMED, state) for state in _S)


RULINGS: Final = {
    _E.RULED_REJECTED: _S.REJECTED,
    _E.RULED_CANCELED: _S.CANCELED,
    _E.RULED_FILLED: _S.FILLED,
}
"""What the operator may say of an order of unknown outcome, and what it then is."""

RULES: Final[frozenset[Rule]] = frozenset(_rules())
"""Everything that may happen to an order; the database enforces the same table by a trigger."""

_PLAIN = frozenset(
    {
        _E.COMMITTED,
        _E.RESTED,
        _E.FILLED_IN_PART,
        _E.FILLED,
        _E.CANCELED,
        _E.REFUSED,
        _E.ANSWER_LOST,
        _E.ABSENT,
    }
)
PLAIN: Final[frozenset[Rule]] = frozenset(
    rule for rule in RULES if rule[1] in _PLAIN and rule != (_S.PENDING, _E.ABSENT, _S.REJECTED)
)
"""What a change of state means where its writer names no event: one rule at most for two states."""

TRANSITIONS: Final[frozenset[tuple[OrderState, OrderState]]] = frozenset(
    (old, new) for old, _, new in RULES if old is not None and old is not new
)
"""Every change of state that may happen, by whatever event."""

TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED})
"""The ends. Only the exchange's own listing leads out of one, by an event FOUND_..."""
UNRESOLVED = frozenset({OrderState.PENDING, OrderState.UNKNOWN})
OPEN = frozenset(OrderState) - TERMINAL


class IllegalTransitionError(ValueError):
    """A change of state that RULES does not hold."""


def event_of(old: OrderState | None, new: OrderState, event: OrderEvent | None = None) -> OrderEvent:
    """The event that leads from `old` to `new`: the one given if the table has it so, else the plain one.

    Raises IllegalTransitionError where the table has none.
    """
    if event is not None:
        if (old, event, new) not in RULES:
            raise IllegalTransitionError(f"{event} does not lead from {old or NEW} to {new}")
        return event
    for before, plain, after in PLAIN:
        if (before, after) == (old, new):
            return plain
    raise IllegalTransitionError(f"an order that is {old or NEW} cannot become {new}")


def fold(events: Iterable[Rule]) -> OrderState | None:
    """The state that an order's events leave, None for no event. Raises IllegalTransitionError for one that does not
    follow from those before it.
    """
    state: OrderState | None = None
    for rule in events:
        old, event, new = rule
        if old is not state:
            raise IllegalTransitionError(f"{event} says that the order was {old or NEW}, but it was {state or NEW}")
        state = new if event_of(old, new, event) else state
    return state
