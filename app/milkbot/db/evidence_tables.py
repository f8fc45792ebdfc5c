"""Tables of schema `ops` that hold the ledger to account: order events, findings, where the cash went."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from milkbot.db.base import OPS, Base, CashColumn, Id, one_of
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import TradingState


class OrderRule(Base):
    """What may happen to an order, from which state to which; filled by the migration from the domain's table.

    `old_state` is `new` before the first event. The plain one is meant where a writer names no event.
    """

    __tablename__ = "order_rules"
    __table_args__ = ({"schema": OPS},)

    old_state: Mapped[str] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(primary_key=True)
    new_state: Mapped[str] = mapped_column(ForeignKey("ops.order_states.state"), primary_key=True)
    is_plain: Mapped[bool]


class OrderEventRow(Base):
    """One thing that happened to an order, written by a trigger and never changed. `seq` counts in each mode.

    `hash` is the SHA-256 of the hash before it and of this row as `ops.order_event_text` puts it.
    """

    __tablename__ = "order_events"
    __table_args__ = (
        ForeignKeyConstraint(
            ["old_state", "event", "new_state"],
            ["ops.order_rules.old_state", "ops.order_rules.event", "ops.order_rules.new_state"],
        ),
        Index("ix_order_events_order", "order_id", "seq"),
        {"schema": OPS},
    )

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("ops.orders.id"))
    client_order_id: Mapped[str]
    event: Mapped[str]
    old_state: Mapped[str]
    new_state: Mapped[str]
    terms: Mapped[str | None]
    venue_order_id: Mapped[str | None]
    reason: Mapped[str | None]
    happened_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]


class Finding(Base):
    """Something that our ledger and the exchange do not agree on, with both values, until it is closed."""

    __tablename__ = "findings"
    __table_args__ = (
        CheckConstraint(one_of("trading_mode", TradingMode), name="trading_mode"),
        CheckConstraint(one_of("effect", TradingState), name="effect"),
        Index(
            "uq_findings_open",
            "trading_mode",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    effect: Mapped[str]
    event_ticker: Mapped[str | None]
    message: Mapped[str]
    ours: Mapped[dict[str, Any]]
    theirs: Mapped[dict[str, Any]]
    tick_id: Mapped[int | None] = mapped_column(ForeignKey("ops.ticks.id"))
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    note: Mapped[str | None]


class UnreadObjectRow(Base):
    """An object of the exchange that could not be read: why, how often so far, and its newest body, cut to a length."""

    __tablename__ = "unread_objects"
    __table_args__ = (
        CheckConstraint(one_of("trading_mode", TradingMode), name="trading_mode"),
        Index("uq_unread_objects_subject", "trading_mode", "kind", "subject", unique=True),
        Index("ix_unread_objects_mode_first_seen", "trading_mode", "first_seen_at"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    series: Mapped[str]
    ticker: Mapped[str | None]
    reason: Mapped[str]
    body: Mapped[str]
    times: Mapped[int]
    tick_id: Mapped[int | None] = mapped_column(ForeignKey("ops.ticks.id"))
    first_seen_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class CashLedger(Base):
    """Dollars that trades and settlements moved in all, counted by triggers; `capital` is what was deposited.

    The exchange's cash is `capital + traded + settled`, less what open orders hold back.
    """

    __tablename__ = "cash_books"
    __table_args__ = ({"schema": OPS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    traded: Mapped[CashColumn]
    settled: Mapped[CashColumn]
    capital: Mapped[CashColumn | None]


class ChainMark(Base):
    """How far the chain of a mode's order events has been verified."""

    __tablename__ = "chain_marks"
    __table_args__ = ({"schema": OPS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
    checked_at: Mapped[datetime]
