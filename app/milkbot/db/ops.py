"""Tables of schema `ops`: what the trader saw, decided, sent and got. Private."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from milkbot.db.base import OPS, Base, CashColumn, CountColumn, Id, PriceColumn, Probability, one_of
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide
from milkbot.domain.trading_state import TradingState

# The public view shows and sorts trades by this: a trade's time to the minute, in a form that an index may hold.
_FILL_MINUTE = "date_bin('00:01:00'::interval, filled_at, '2000-01-01 00:00:00+00'::timestamp with time zone)"
_MODE = one_of("trading_mode", TradingMode)


class Tick(Base):
    """One run of the trading loop: its report row. `finished_at` is null while it runs, or if it was killed."""

    __tablename__ = "ticks"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        Index("ix_ticks_mode_started", "trading_mode", "started_at"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    message: Mapped[str | None]
    release: Mapped[str]
    config_hash: Mapped[str]
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class WeatherSnapshot(Base):
    """A forecast, and what was measured so far, as they stood when the tick read them: an event's high, or its low.

    `cell`: where in the forecast grid. `observed_at`: when `current_f` was measured. `left_out`: measurements that are
    not plausible. Releases before them left these empty.
    """

    __tablename__ = "weather_snapshots"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        Index("ix_weather_snapshots_city_day", "city_code", "climate_day", "captured_at"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    tick_id: Mapped[int] = mapped_column(ForeignKey("ops.ticks.id"))
    city_code: Mapped[str]
    climate_day: Mapped[date]
    captured_at: Mapped[datetime]
    issued_at: Mapped[datetime | None]
    forecast_high_f: Mapped[float | None]
    observed_max_f: Mapped[float | None]
    forecast_low_f: Mapped[float | None]
    observed_min_f: Mapped[float | None]
    current_f: Mapped[float | None]
    source: Mapped[str]
    cell: Mapped[str | None]
    observed_at: Mapped[datetime | None]
    left_out: Mapped[int | None]


class MarketSnapshot(Base):
    """The top of one market's order book as the tick read it. A missing price is null, never zero."""

    __tablename__ = "market_snapshots"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        Index("ix_market_snapshots_ticker_captured", "ticker", "captured_at"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    tick_id: Mapped[int] = mapped_column(ForeignKey("ops.ticks.id"))
    ticker: Mapped[str]
    event_ticker: Mapped[str]
    city_code: Mapped[str]
    captured_at: Mapped[datetime]
    status: Mapped[str]
    strike_type: Mapped[str]
    floor_strike: Mapped[int | None]
    cap_strike: Mapped[int | None]
    close_time: Mapped[datetime]
    yes_bid: Mapped[PriceColumn | None]
    yes_bid_size: Mapped[CountColumn | None]
    yes_ask: Mapped[PriceColumn | None]
    yes_ask_size: Mapped[CountColumn | None]


class Signal(Base):
    """The decision for one market in one tick, traded or not, with its reasons.

    `forecast_sd_f`: the standard deviation that releases from before `ops.forecasts` decided by. Null since, read
    by nobody. A forecaster's probabilities need not have one.
    """

    __tablename__ = "signals"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        UniqueConstraint("tick_id", "ticker"),
        Index("ix_signals_mode_created", "trading_mode", "created_at"),
        Index("ix_signals_mode_day", "trading_mode", "climate_day"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    tick_id: Mapped[int] = mapped_column(ForeignKey("ops.ticks.id"))
    weather_snapshot_id: Mapped[int | None] = mapped_column(ForeignKey("ops.weather_snapshots.id"))
    market_snapshot_id: Mapped[int | None] = mapped_column(ForeignKey("ops.market_snapshots.id"))
    ticker: Mapped[str]
    event_ticker: Mapped[str]
    city_code: Mapped[str]
    climate_day: Mapped[date]
    strategy_name: Mapped[str]
    decision: Mapped[str]
    p_yes: Mapped[Probability | None]
    forecast_sd_f: Mapped[float | None]
    edge: Mapped[CashColumn | None]
    price: Mapped[PriceColumn | None]
    count: Mapped[CountColumn]
    reasons: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Order(Base):
    """An order, written before it is sent. `price` is of the YES leg; quantities come from fills alone.

    `state_event` is what led to its state. `origin` says of an order that the exchange had and the ledger had not where
    it came from; it is null for all others.
    """

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        CheckConstraint(one_of("side", [str(side) for side in BookSide]), name="side"),
        CheckConstraint("price > 0 AND price < 1", name="price"),
        CheckConstraint("count > 0", name="count"),
        Index("ix_orders_mode_state", "trading_mode", "state"),
        Index("ix_orders_mode_created", "trading_mode", "created_at"),
        Index("ix_orders_event_ticker", "event_ticker"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    client_order_id: Mapped[str] = mapped_column(unique=True)
    venue_order_id: Mapped[str | None] = mapped_column(unique=True)
    signal_id: Mapped[int | None] = mapped_column(ForeignKey("ops.signals.id"), unique=True)
    ticker: Mapped[str]
    event_ticker: Mapped[str]
    city_code: Mapped[str]
    climate_day: Mapped[date]
    strategy_name: Mapped[str]
    side: Mapped[str]
    price: Mapped[PriceColumn]
    count: Mapped[CountColumn]
    time_in_force: Mapped[str]
    exchange_index: Mapped[int]
    attempt: Mapped[int]
    state: Mapped[str] = mapped_column(ForeignKey("ops.order_states.state"))
    state_reason: Mapped[str | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    state_event: Mapped[str | None]
    origin: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    post_only: Mapped[bool | None]
    reduce_only: Mapped[bool | None]
    order_group_id: Mapped[str | None]


class OrderStateRow(Base):
    """The states an order may have; filled by the migration from the domain's enum."""

    __tablename__ = "order_states"
    __table_args__ = ({"schema": OPS},)

    state: Mapped[str] = mapped_column(primary_key=True)
    terminal: Mapped[bool]


class OrderTransition(Base):
    """The changes of state that the trigger on `orders` allows; filled by the migration from the domain's table."""

    __tablename__ = "order_transitions"
    __table_args__ = ({"schema": OPS},)

    old_state: Mapped[str] = mapped_column(ForeignKey("ops.order_states.state"), primary_key=True)
    new_state: Mapped[str] = mapped_column(ForeignKey("ops.order_states.state"), primary_key=True)


class FillRow(Base):
    """One execution, unique by the exchange's fill id. The only source of quantity."""

    __tablename__ = "fills"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        UniqueConstraint("trading_mode", "venue_fill_id"),
        Index("ix_fills_mode_ticker", "trading_mode", "ticker", "filled_at"),
        Index("ix_fills_mode_filled", "trading_mode", "filled_at"),
        Index("ix_fills_mode_minute", "trading_mode", text(_FILL_MINUTE)),
        Index("ix_fills_mode_city_minute", "trading_mode", "city_code", text(_FILL_MINUTE)),
        Index("ix_fills_mode_day", "trading_mode", "climate_day"),
        Index("ix_fills_order_id", "order_id"),
        Index("ix_fills_mode_venue_order", "trading_mode", "venue_order_id"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    venue_fill_id: Mapped[str]
    venue_order_id: Mapped[str]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("ops.orders.id"))
    ticker: Mapped[str]
    event_ticker: Mapped[str]
    city_code: Mapped[str]
    climate_day: Mapped[date]
    side: Mapped[str]
    count: Mapped[CountColumn]
    price: Mapped[PriceColumn]
    fee: Mapped[CashColumn]
    realized_pnl: Mapped[CashColumn]
    is_taker: Mapped[bool]
    filled_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class PositionRow(Base):
    """The fold of a market's fills, stored so that readers need not compute it. Negative count is NO."""

    __tablename__ = "positions"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        Index("ix_positions_open", "trading_mode", postgresql_where=text("NOT is_closed")),
        Index("ix_positions_mode_day", "trading_mode", "climate_day", "ticker"),
        Index("ix_positions_mode_city_day", "trading_mode", "city_code", "climate_day", "ticker"),
        Index("ix_positions_mode_newest", "trading_mode", text("climate_day DESC"), "ticker"),
        Index("ix_positions_mode_city_newest", "trading_mode", "city_code", text("climate_day DESC"), "ticker"),
        {"schema": OPS},
    )

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    ticker: Mapped[str] = mapped_column(primary_key=True)
    event_ticker: Mapped[str]
    city_code: Mapped[str]
    climate_day: Mapped[date]
    signed_count: Mapped[CountColumn]
    cost: Mapped[CashColumn]
    fees: Mapped[CashColumn]
    realized_pnl: Mapped[CashColumn]
    is_closed: Mapped[bool]
    opened_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SettlementRow(Base):
    """How a market that we held was settled, by the exchange's own result."""

    __tablename__ = "settlements"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        Index("ix_settlements_mode_settled", "trading_mode", "settled_at"),
        Index("ix_settlements_mode_day", "trading_mode", "climate_day"),
        {"schema": OPS},
    )

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    ticker: Mapped[str] = mapped_column(primary_key=True)
    event_ticker: Mapped[str]
    city_code: Mapped[str]
    climate_day: Mapped[date]
    result: Mapped[str]
    yes_value: Mapped[PriceColumn]
    signed_count: Mapped[CountColumn]
    cost: Mapped[CashColumn]
    revenue: Mapped[CashColumn]
    realized_pnl: Mapped[CashColumn]
    settled_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class BalanceSnapshot(Base):
    """The account's cash as the exchange reported it in a tick.

    By our ledger at that moment: `moved` by all fills, fees and settlements, and `held_back` at most by open orders.
    """

    __tablename__ = "balance_snapshots"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        Index("ix_balance_snapshots_mode_captured", "trading_mode", "captured_at"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    tick_id: Mapped[int] = mapped_column(ForeignKey("ops.ticks.id"))
    captured_at: Mapped[datetime]
    cash: Mapped[CashColumn]
    portfolio_value: Mapped[CashColumn]
    moved: Mapped[CashColumn | None]
    held_back: Mapped[CashColumn | None]


class RiskEvent(Base):
    """A denial, a breaker, a mismatch with the exchange, or an act of the operator."""

    __tablename__ = "risk_events"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        Index("ix_risk_events_mode_time", "trading_mode", "event_time"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    tick_id: Mapped[int | None] = mapped_column(ForeignKey("ops.ticks.id"))
    event_type: Mapped[str]
    severity: Mapped[str]
    message: Mapped[str]
    city_code: Mapped[str | None]
    ticker: Mapped[str | None]
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    event_time: Mapped[datetime]


class TradingStateRow(Base):
    """Every change of the trading state, newest last: who, why, since when, until when.

    With `from_holds` it is what the holds left; without, a restore or a release from before holds wrote it.
    """

    __tablename__ = "trading_states"
    __table_args__ = (
        CheckConstraint(_MODE, name="trading_mode"),
        CheckConstraint(one_of("state", [str(state) for state in TradingState]), name="state"),
        Index("ix_trading_states_mode_since", "trading_mode", "since"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    set_by: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    from_holds: Mapped[bool] = mapped_column(server_default=text("false"))


class LiveArming(Base):
    """The operator's act that live trading needs, stored where no process can make it up by restarting."""

    __tablename__ = "live_armings"
    __table_args__ = ({"schema": OPS},)

    id: Mapped[Id]
    armed_by: Mapped[str]
    armed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    statement: Mapped[str]


class ComponentHealth(Base):
    """The latest word of each component about itself."""

    __tablename__ = "component_health"
    __table_args__ = ({"schema": OPS},)

    component_name: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    last_ok: Mapped[datetime | None]
    last_check: Mapped[datetime]
    latency_ms: Mapped[float | None]
    message: Mapped[str | None]


class RollupTouched(Base):
    """Buckets whose facts changed, written in the transaction that wrote the fact; the rollups take them away."""

    __tablename__ = "rollup_touched"
    __table_args__ = (
        CheckConstraint(one_of("bucket", ["city", "strategy", "equity"]), name="bucket"),
        {"schema": OPS},
    )

    id: Mapped[Id]
    trading_mode: Mapped[str]
    bucket: Mapped[str]
    key: Mapped[str]
    day: Mapped[date]
