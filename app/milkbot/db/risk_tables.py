"""Tables of schema `ops` that the risk engine remembers by: holds, terms, ladders, order groups, corrections."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from milkbot.db.base import OPS, Base, CashColumn, Id, PriceColumn, one_of
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import Effect

_MODE = one_of("trading_mode", TradingMode)


class TradingHold(Base):
    """A reason for not trading as usual: who set it, why, since when, until when. Rows are only ever added."""

    __tablename__ = "trading_holds"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        CheckConstraint(one_of("effect", Effect), name="effect"),
        Index("ix_trading_holds_mode_source", "trading_mode", "source"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    source: Mapped[str]
    effect: Mapped[str]
    reason: Mapped[str]
    tick_id: Mapped[int | None] = mapped_column(ForeignKey("ops.ticks.id"))
    since: Mapped[datetime]
    until: Mapped[datetime | None]


class HoldAcknowledgement(Base):
    """The operator's act that ends one hold. The trader may not write here."""

    __tablename__ = "hold_acknowledgements"
    __table_args__ = ({"schema": OPS},)

    hold_id: Mapped[int] = mapped_column(ForeignKey("ops.trading_holds.id"), primary_key=True, autoincrement=False)
    acknowledged_by: Mapped[str]
    acknowledged_at: Mapped[datetime]
    note: Mapped[str]


class SeriesTerms(Base):
    """A clause of a series' terms as it was first seen. The clauses that were seen first of their kind are accepted."""

    __tablename__ = "series_terms"
    __table_args__ = (CheckConstraint(_MODE, name="trading_mode"), {"schema": OPS})

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    series_ticker: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    terms: Mapped[str]
    seen_at: Mapped[datetime]


class TermsAcceptance(Base):
    """The operator's act that accepts a changed clause. The trader may not write here."""

    __tablename__ = "terms_acceptances"
    __table_args__ = (CheckConstraint(_MODE, name="trading_mode"), {"schema": OPS})

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    series_ticker: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    accepted_by: Mapped[str]
    accepted_at: Mapped[datetime]
    note: Mapped[str]


class EventLadder(Base):
    """The brackets of an event, for its worst case once the exchange lists it no more.

    `brackets` are all its markets where they cover every outcome, else none.
    """

    __tablename__ = "event_ladders"
    __table_args__ = ({"schema": OPS},)

    event_ticker: Mapped[str] = mapped_column(primary_key=True)
    exclusive: Mapped[bool]
    brackets: Mapped[list[str]] = mapped_column(JSONB)
    seen_at: Mapped[datetime]


class OrderGroupAct(Base):
    """What was done with the exchange-side order group: the newest row of a mode is its state."""

    __tablename__ = "order_groups"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        CheckConstraint("act IN ('created', 'triggered', 'reset')", name="act"),
        Index("ix_order_groups_mode", "trading_mode", "id"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    venue_group_id: Mapped[str]
    contracts_limit: Mapped[int]
    act: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


class SettlementCorrection(Base):
    """A result that the exchange changed after it had settled: what it was, what it is, and the dollars between."""

    __tablename__ = "settlement_corrections"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        Index("ix_settlement_corrections_mode_settled", "trading_mode", "settled_at"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    ticker: Mapped[str]
    result_before: Mapped[str]
    yes_value_before: Mapped[PriceColumn]
    settled_before: Mapped[datetime]
    realized_before: Mapped[CashColumn]
    result: Mapped[str]
    yes_value: Mapped[PriceColumn]
    settled_at: Mapped[datetime]
    difference: Mapped[CashColumn]
    recorded_at: Mapped[datetime]
