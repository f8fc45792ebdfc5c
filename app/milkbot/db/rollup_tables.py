"""What the rollups write: schema `analytics`, where nothing is private, and the markouts of fills in `ops`."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Double, ForeignKey, Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from milkbot.db.base import ANALYTICS, OPS, Base, CashColumn, CountColumn, PriceColumn


class FillMarkout(Base):
    """The market's mid so many minutes after a fill. `markout`: dollars a contract, positive is good for us.

    `missing` says why there is none.
    """

    __tablename__ = "fill_markouts"
    __table_args__ = (
        CheckConstraint("(markout IS NULL) = (missing IS NOT NULL)", name="known_or_missing"),
        {"schema": OPS},
    )

    horizon_min: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fill_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ops.fills.id"), primary_key=True, autoincrement=False)
    market_snapshot_id: Mapped[int | None] = mapped_column(ForeignKey("ops.market_snapshots.id"))
    mid: Mapped[PriceColumn | None]
    markout: Mapped[PriceColumn | None]
    missing: Mapped[str | None]
    recorded_at: Mapped[datetime]


class CityMetricsDaily(Base):
    """A city's trades of one climate day."""

    __tablename__ = "city_metrics_daily"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    city_code: Mapped[str] = mapped_column(primary_key=True)
    date: Mapped[date] = mapped_column(primary_key=True)
    trade_count: Mapped[int]
    volume: Mapped[CountColumn]
    gross_pnl: Mapped[CashColumn]
    net_pnl: Mapped[CashColumn]
    fees: Mapped[CashColumn]
    win_count: Mapped[int]
    loss_count: Mapped[int]
    avg_position_size: Mapped[CountColumn]
    max_position_size: Mapped[CountColumn]
    computed_at: Mapped[datetime]


class StrategyMetricsDaily(Base):
    """A strategy's decisions and trades of one climate day."""

    __tablename__ = "strategy_metrics_daily"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    strategy_name: Mapped[str] = mapped_column(primary_key=True)
    date: Mapped[date] = mapped_column(primary_key=True)
    signal_count: Mapped[int]
    trade_count: Mapped[int]
    gross_pnl: Mapped[CashColumn]
    net_pnl: Mapped[CashColumn]
    fees: Mapped[CashColumn]
    win_count: Mapped[int]
    loss_count: Mapped[int]
    avg_edge: Mapped[CashColumn | None]
    computed_at: Mapped[datetime]


class EquityCurveDaily(Base):
    """The account by UTC day of the realized result: settlements and closing fills, less fees."""

    __tablename__ = "equity_curve_daily"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    date: Mapped[date] = mapped_column(primary_key=True)
    starting_equity: Mapped[CashColumn]
    ending_equity: Mapped[CashColumn]
    daily_pnl: Mapped[CashColumn]
    cumulative_pnl: Mapped[CashColumn]
    drawdown: Mapped[CashColumn]
    drawdown_pct: Mapped[CashColumn]
    high_water_mark: Mapped[CashColumn]
    computed_at: Mapped[datetime]


class HealthMetric(Base):
    """Readings of the components, one row a reading; `v_current_health` shows the latest of each."""

    __tablename__ = "health_metrics"
    __table_args__ = ({"schema": ANALYTICS},)

    component_name: Mapped[str] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(primary_key=True)
    status: Mapped[str]
    latency_ms: Mapped[float | None]
    message: Mapped[str | None]


class ForecastScore(Base):
    """One forecaster's scores of one event at one lead time, next to those of the market's mid as of the same moment.

    `brier`, `log` and `rps` are those of docs/forecast.md; lower is better. `gain`: the market's Brier score less the
    forecaster's, `least` and `most` what it could have been. `chances` and `market_chances` are what was scored, from
    cold to warm, `winner` the place of the bracket that came true; null in rows of the releases before.
    """

    __tablename__ = "forecast_scores"
    __table_args__ = (
        Index(
            "ix_forecast_scores_forecaster",
            "trading_mode",
            "forecaster",
            "version",
            "parameters_hash",
            "lead",
            "climate_day",
        ),
        {"schema": ANALYTICS},
    )

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    climate_day: Mapped[date] = mapped_column(primary_key=True)
    event_ticker: Mapped[str] = mapped_column(primary_key=True)
    lead: Mapped[str] = mapped_column(primary_key=True)
    forecaster: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    parameters_hash: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[datetime]
    brier: Mapped[float]
    log: Mapped[float]
    rps: Mapped[float]
    market_brier: Mapped[float]
    market_log: Mapped[float]
    market_rps: Mapped[float]
    gain: Mapped[float]
    least: Mapped[float]
    most: Mapped[float]
    computed_at: Mapped[datetime]
    chances: Mapped[list[float] | None] = mapped_column(ARRAY(Double))
    market_chances: Mapped[list[float] | None] = mapped_column(ARRAY(Double))
    winner: Mapped[int | None] = mapped_column(BigInteger)
    city_code: Mapped[str | None]


class ForecastEvidence(Base):
    """What the sequential test says of a forecaster against the market, over all cities, one gain a day.

    `wealth_for` and `wealth_against` are the most that who bets on it, and on the market, ever had of 1.
    """

    __tablename__ = "forecast_evidence"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    forecaster: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    parameters_hash: Mapped[str] = mapped_column(primary_key=True)
    standing: Mapped[str]
    days: Mapped[int]
    events: Mapped[int]
    mean_gain: Mapped[float]
    wealth_for: Mapped[float]
    wealth_against: Mapped[float]
    first_day: Mapped[date]
    last_day: Mapped[date]
    computed_at: Mapped[datetime]


class ScoreMark(Base):
    """The newest result of each mode whose event was scored."""

    __tablename__ = "score_marks"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    result_id: Mapped[int] = mapped_column(BigInteger)


class ResultTotals(Base):
    """Won and lost markets of each mode: the sums of the cities' days, which a trigger keeps."""

    __tablename__ = "result_totals"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    win_count: Mapped[int] = mapped_column(BigInteger)
    loss_count: Mapped[int] = mapped_column(BigInteger)


class HeroFigures(Base):
    """The figures at the top of the page as of an hour ago, in dollars. `unrealized_pnl` is of the positions that have
    a price to sell at; `unpriced_positions` have none.
    """

    __tablename__ = "hero_figures"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[datetime]
    total_pnl: Mapped[CashColumn]
    unrealized_pnl: Mapped[CashColumn]
    unpriced_positions: Mapped[int] = mapped_column(BigInteger)
    win_count: Mapped[int] = mapped_column(BigInteger)
    loss_count: Mapped[int] = mapped_column(BigInteger)
    trades_today: Mapped[int] = mapped_column(BigInteger)
    active_positions: Mapped[int] = mapped_column(BigInteger)
    computed_at: Mapped[datetime]


class RebuildMark(Base):
    """Which chunk an unfinished rebuild of the rollups finished last; no row where none is unfinished."""

    __tablename__ = "rebuild_mark"
    __table_args__ = (CheckConstraint("id = 1", name="one"), {"schema": ANALYTICS})

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    release: Mapped[str]
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    started_at: Mapped[datetime]
    trading_mode: Mapped[str]
    done: Mapped[date]


class MarketFold(Base):
    """A market's fills of an hour ago or more, folded, and its strike. `net` is YES less NO in contracts; `paid` what
    YES cost less what NO, as YES sold, brought. A trigger deletes what the release before left old.
    """

    __tablename__ = "market_folds"
    __table_args__ = (
        Index("ix_market_folds_mode_day", "trading_mode", "climate_day", "city_code"),
        {"schema": ANALYTICS},
    )

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    ticker: Mapped[str] = mapped_column(primary_key=True)
    city_code: Mapped[str]
    climate_day: Mapped[date]
    strike_type: Mapped[str | None]
    floor_strike: Mapped[int | None] = mapped_column(BigInteger)
    cap_strike: Mapped[int | None] = mapped_column(BigInteger)
    trades: Mapped[int] = mapped_column(BigInteger)
    contracts: Mapped[CountColumn]
    sold: Mapped[CountColumn]
    net: Mapped[CountColumn]
    paid: Mapped[Decimal] = mapped_column(Numeric(28, 8))
    closed: Mapped[CashColumn]
    fees: Mapped[CashColumn]
    first_bid: Mapped[datetime | None]
    first_ask: Mapped[datetime | None]
    last_at: Mapped[datetime]
    computed_at: Mapped[datetime]


class ResultMonth(Base):
    """The sums of a city's or a strategy's days of a month, which a trigger keeps. `kind` is "city" or "strategy"."""

    __tablename__ = "result_months"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    days: Mapped[int] = mapped_column(BigInteger)
    signals: Mapped[int] = mapped_column(BigInteger)
    trades: Mapped[int] = mapped_column(BigInteger)
    volume: Mapped[CountColumn]
    gross_pnl: Mapped[CashColumn]
    fees: Mapped[CashColumn]
    net_pnl: Mapped[CashColumn]
    wins: Mapped[int] = mapped_column(BigInteger)
    losses: Mapped[int] = mapped_column(BigInteger)


class EquityRun(Base):
    """So many days (`width`) of the equity curve, which a trigger keeps: their result, and which of them are extreme.

    The runs of a width are counted from 2000-01-01.
    """

    __tablename__ = "equity_runs"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    width: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_date: Mapped[date]
    last_date: Mapped[date]
    highest: Mapped[date]
    lowest: Mapped[date]
    deepest: Mapped[date]
    pnl: Mapped[CashColumn]


class ForecastSkill(Base):
    """The sums of a forecaster's scores at a lead time, and of the market's, over a day or a month (`span`), of one
    city or of all (an empty `city_code`). A trigger keeps them.
    """

    __tablename__ = "forecast_skill"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    span: Mapped[str] = mapped_column(primary_key=True)
    city_code: Mapped[str] = mapped_column(primary_key=True)
    lead: Mapped[str] = mapped_column(primary_key=True)
    first_day: Mapped[date] = mapped_column(primary_key=True)
    forecaster: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    parameters_hash: Mapped[str] = mapped_column(primary_key=True)
    days: Mapped[int] = mapped_column(BigInteger)
    events: Mapped[int] = mapped_column(BigInteger)
    brier: Mapped[float]
    log: Mapped[float]
    rps: Mapped[float]
    market_brier: Mapped[float]
    market_log: Mapped[float]
    market_rps: Mapped[float]


class ForecastReliability(Base):
    """How many chances of a tenth (`bin` 0 to 9) a forecaster gave at a lead time over a day or a month (`span`), their
    sum, and how many of them came true; the market's beside them. A trigger keeps it.
    """

    __tablename__ = "forecast_reliability"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    span: Mapped[str] = mapped_column(primary_key=True)
    lead: Mapped[str] = mapped_column(primary_key=True)
    first_day: Mapped[date] = mapped_column(primary_key=True)
    forecaster: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    parameters_hash: Mapped[str] = mapped_column(primary_key=True)
    bin: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(BigInteger)
    said: Mapped[float]
    happened: Mapped[int] = mapped_column(BigInteger)
    market_n: Mapped[int] = mapped_column(BigInteger)
    market_said: Mapped[float]
    market_happened: Mapped[int] = mapped_column(BigInteger)
