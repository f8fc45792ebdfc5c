"""Tables of schema `ops` that keep what forecasters answered, and how the markets came out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from milkbot.db.base import OPS, Base, Id, PriceColumn, one_of
from milkbot.domain.modes import TradingMode

_Ids = Annotated[list[int], mapped_column(ARRAY(BigInteger))]
_Probabilities = Annotated[list[float], mapped_column(ARRAY(Double))]


class ForecastRow(Base):
    """What one forecaster answered of one event as of a moment: by it orders were made, or it only counts.

    `probabilities` are of the markets of `market_snapshot_ids`, in that order; null with a `reason`. `version` and
    `parameters_hash` are null for one that did not start. `lead_s`: until the climate day ends.
    """

    __tablename__ = "forecasts"
    __table_args__ = (
        CheckConstraint(one_of("trading_mode", TradingMode), name="trading_mode"),
        CheckConstraint("(probabilities IS NULL) = (reason IS NOT NULL)", name="reason"),
        UniqueConstraint("tick_id", "event_ticker", "forecaster"),
        Index("ix_forecasts_mode_day", "trading_mode", "climate_day", "as_of"),
        Index("ix_forecasts_challengers", "trading_mode", "as_of", postgresql_where=text("NOT is_live")),
        Index("ix_forecasts_live_event", "trading_mode", "event_ticker", "as_of", postgresql_where=text("is_live")),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    tick_id: Mapped[int] = mapped_column(ForeignKey("ops.ticks.id"))
    event_ticker: Mapped[str]
    climate_day: Mapped[date]
    forecaster: Mapped[str]
    is_live: Mapped[bool]
    version: Mapped[str | None]
    parameters_hash: Mapped[str | None]
    as_of: Mapped[datetime]
    lead_s: Mapped[int]
    probabilities: Mapped[_Probabilities | None]
    reason: Mapped[str | None]
    detail: Mapped[str | None]
    elapsed_ms: Mapped[float]
    weather_snapshot_id: Mapped[int] = mapped_column(ForeignKey("ops.weather_snapshots.id"))
    market_snapshot_ids: Mapped[_Ids]


class MarketResultRow(Base):
    """How a market came out in the exchange's words, held or not. Rows are only added: the newest of a ticker counts,
    an earlier one is what the exchange corrected.

    `yes_value`: dollars that a YES paid. `expiration_value`: the temperature as the exchange writes it. Both, and the
    time, are null where it does not say them.
    """

    __tablename__ = "market_results"
    __table_args__ = (
        CheckConstraint(one_of("trading_mode", TradingMode), name="trading_mode"),
        Index("ix_market_results_mode_event", "trading_mode", "event_ticker"),
        Index("ix_market_results_mode_id", "trading_mode", "id"),
        Index("ix_market_results_mode_day", "trading_mode", "climate_day"),
        Index("ix_market_results_mode_newest", "trading_mode", text("climate_day DESC"), "ticker"),
        Index(
            "ix_market_results_mode_series_newest",
            "trading_mode",
            text("split_part(event_ticker, '-', 1)"),
            text("climate_day DESC"),
            "ticker",
        ),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    ticker: Mapped[str]
    event_ticker: Mapped[str]
    climate_day: Mapped[date]
    result: Mapped[str]
    yes_value: Mapped[PriceColumn | None]
    expiration_value: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
