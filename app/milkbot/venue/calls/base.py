"""What all families of calls share: the session, and replies that become values or errors that name the field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final, TypeVar

from milkbot.domain.clock import Clock
from milkbot.domain.unread import ObjectKind, Unread, UnreadObject, unread_object
from milkbot.http import Params
from milkbot.validation import NOT_UNDERSTOOD, reason
from milkbot.venue.errors import UnusableReplyError
from milkbot.venue.transport import VenueSession
from milkbot.venue.wire.base import UnknownFields, WireModel

ROWS_A_PAGE: Final = "1000"

Wire = TypeVar("Wire", bound=WireModel)
Value = TypeVar("Value")


class Calls:
    """One account's session, its clock, and the fields of replies that no model knows."""

    def __init__(self, session: VenueSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self.unknown_fields: UnknownFields = session.unknown_fields

    def _rows(self, path: str, key: str, params: Params = (), since: datetime | None = None) -> Iterator[object]:
        # One second early: whether the bound is inclusive is not documented, and a repeated row does no harm.
        bound = [] if since is None else [("min_ts", str(int(since.timestamp()) - 1))]
        return self._session.rows(path, key, [*params, *bound, ("limit", ROWS_A_PAGE)])

    def _one(self, path: str, model: type[Wire], to_value: Callable[[Wire], Value], params: Params = ()) -> Value:
        try:
            return to_value(model.from_wire(self._session.read(path, params), self.unknown_fields))
        except NOT_UNDERSTOOD as error:
            raise UnusableReplyError(f"GET {path}: the answer is not understood: {reason(error)}") from error

    def _parsed(
        self,
        kind: ObjectKind,
        rows: Iterable[object],
        model: type[Wire],
        to_value: Callable[[Wire], Value],
        unread: Unread | None,
    ) -> Iterator[Value]:
        """Each row's value. What is not understood goes to `unread`; without one it raises UnusableReplyError."""
        for row in rows:
            try:
                value = to_value(model.from_wire(row, self.unknown_fields))
            except NOT_UNDERSTOOD as error:
                skip(unread, unread_object(kind, row, reason(error)), error)
                continue
            yield value


def skip(unread: Unread | None, one: UnreadObject, error: Exception | None = None) -> None:
    """Put what is not understood into `unread`; without one raise UnusableReplyError."""
    if unread is None:
        raise UnusableReplyError(f"{one.kind} {one.subject} of the exchange is not understood: {one.reason}") from error
    unread.append(one)


def same(wire: Wire) -> Wire:
    """For replies whose wire form is already what the caller wants."""
    return wire
