"""Rows of the account that could not be read: the ledger is incomplete without them, and no risk is taken on it.

The decision: whatever row it is, the whole mode is REDUCING and its event is blocked, until the row is read.

- Without a fill, cash, positions, limits and losses are wrong. An order may be filled at any moment. Without a
  settlement or a position, what would find such faults is not checked.
- Only a row that names a market of another series stops nothing: the ledger does not have those.
- A list is read again from where it began when the row was found. Else "found no more" would only mean that nobody
  looked.
- A list of orders with such a row proves the absence of no order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from milkbot.db import findings
from milkbot.domain.modes import TradingMode
from milkbot.domain.unread import ObjectKind, UnreadObject
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.trader.tickers import parse_ticker

READ_FROM: Final = "read_from"
"""Where the list began in which the row was; null is its start."""


def found(unread: Iterable[UnreadObject], since: Mapping[ObjectKind, datetime | None]) -> list[Found]:
    """A finding for each row that may be ours. `since`: where the lists of fills and of settlements began."""
    return [_found(one, since.get(one.kind)) for one in unread if may_be_ours(one)]


def may_be_ours(one: UnreadObject) -> bool:
    """Whether it is in a market of ours, or names none."""
    return one.ticker is None or parse_ticker(one.ticker) is not None


def since(session: Session, mode: TradingMode, kind: ObjectKind, usual: datetime | None) -> datetime | None:
    """Where to begin in a list, not after `usual`, so that its rows which could not be read come again."""
    begins = [
        row.ours[READ_FROM]
        for row in findings.open_findings(session, mode)
        if row.kind == FindingKind.UNREAD_ROW and row.subject.startswith(f"{kind} ")
    ]
    if usual is None or None in begins:
        return None
    return min([usual, *map(datetime.fromisoformat, begins)])


def tickers(unread: Iterable[UnreadObject], kind: ObjectKind) -> Collection[str]:
    """The markets that the rows of a kind name."""
    return {one.ticker for one in unread if one.kind is kind and one.ticker is not None}


def _found(one: UnreadObject, begins: datetime | None) -> Found:
    return Found(
        FindingKind.UNREAD_ROW,
        f"{one.kind} {one.subject}",
        f"{one.kind} {one.subject} of the account cannot be read ({one.reason}); the ledger lacks it, so only reducing "
        "orders are sent until it is read; its body is in ops.unread_objects; for another form of it: update.yml",
        ours={READ_FROM: None if begins is None else begins.isoformat()},
        theirs={"reason": one.reason, "body": one.body},
        ticker=one.ticker,
    )
