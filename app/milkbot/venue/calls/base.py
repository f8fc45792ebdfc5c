"""What all families of calls share: the session, and replies that become values or errors that name the field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final, TypeVar

from milkbot.domain.clock import Clock
from milkbot.http import Params
from milkbot.validation import reason
from milkbot.venue.errors import VenueReadError
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
        except ValueError as error:
            raise VenueReadError(f"GET {path}: the answer is not understood: {reason(error)}") from error

    def _parsed(self, rows: Iterable[object], model: type[Wire], to_value: Callable[[Wire], Value]) -> Iterator[Value]:
        for row in rows:
            try:
                value = to_value(model.from_wire(row, self.unknown_fields))
            except ValueError as error:
                name = model.__name__
                raise VenueReadError(f"a {name} of the exchange is not understood: {reason(error)}") from error
            yield value


def same(wire: Wire) -> Wire:
    """For replies whose wire form is already what the caller wants."""
    return wire
