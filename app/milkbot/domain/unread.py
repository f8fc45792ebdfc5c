"""Objects of the exchange that could not be read: each is skipped alone, and kept for whoever finds out why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

BODY_LENGTH: Final = 4000
"""Characters of a body that are kept."""
_LONGEST_NAME: Final = 100


class ObjectKind(StrEnum):
    """The objects that come many at a time."""

    SERIES = "series"
    EVENT = "event"
    MARKET = "market"
    ORDERBOOK = "orderbook"
    FILL = "fill"
    ORDER = "order"
    SETTLEMENT = "settlement"
    POSITION = "position"


OF_ACCOUNT: Final = frozenset({ObjectKind.FILL, ObjectKind.ORDER, ObjectKind.SETTLEMENT, ObjectKind.POSITION})
"""Without one of these the ledger is incomplete; of the others there is only less to trade."""

_NAMES: Final[Mapping[ObjectKind, Sequence[str]]] = {
    ObjectKind.SERIES: ("ticker",),
    ObjectKind.EVENT: ("event_ticker",),
    ObjectKind.MARKET: ("ticker", "event_ticker"),
    ObjectKind.ORDERBOOK: ("ticker",),
    ObjectKind.FILL: ("fill_id", "order_id", "ticker"),
    ObjectKind.ORDER: ("order_id", "client_order_id", "ticker"),
    ObjectKind.SETTLEMENT: ("ticker",),
    ObjectKind.POSITION: ("ticker",),
}
"""The fields by which one is told from others of its kind, the best one first."""


@dataclass(frozen=True, slots=True)
class UnreadObject:
    """One object that was skipped. `subject` names it among its kind; `ticker` is None where it names no market.

    `series` is that of the call by which a series, an event or a market came; empty for the others.
    """

    kind: ObjectKind
    subject: str
    ticker: str | None
    reason: str
    body: str
    series: str = ""


Unread = list[UnreadObject]
"""Where a reader puts what it skips."""


def unread_object(kind: ObjectKind, raw: object, reason: str, series: str = "") -> UnreadObject:
    """What is kept of an object of the wire, whatever it looks like. Without a name its body's hash names it."""
    body = _text(json.dumps(raw, default=str, sort_keys=True))
    named = [name for field in _NAMES[kind] if (name := _name(raw, field)) is not None]
    subject = named[0] if named else "sha256 " + hashlib.sha256(body.encode()).hexdigest()[:16]
    return UnreadObject(kind, subject, _name(raw, "ticker"), _text(reason)[:BODY_LENGTH], body[:BODY_LENGTH], series)


def _name(raw: object, field: str) -> str | None:
    found = raw.get(field) if isinstance(raw, Mapping) else None
    return _text(found)[:_LONGEST_NAME] if isinstance(found, str) and found else None


def _text(value: str) -> str:
    """The same as PostgreSQL can store it."""
    return value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
