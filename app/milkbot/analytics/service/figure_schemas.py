"""What the service answers of results by day, city and strategy, and of how orders are executed."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from milkbot.analytics.service.market_schemas import Today
from milkbot.analytics.service.schemas import (
    THINNED,
    Answer,
    Contracts,
    Dollars,
    Equity,
    Hero,
    Percent,
    PlatformStatus,
    Rate,
    Trades,
)
from milkbot.domain.modes import TradingMode

_Day = date


class DrawdownPoint(Answer):
    """How far the account was below its highest value so far, at the end of a UTC day."""

    date: date
    drawdown: Dollars
    drawdown_pct: Percent = Field(description="of the high water mark; percent, decimal text")
    high_water_mark: Dollars


class Drawdown(Answer):
    """The drawdown by day, oldest first."""

    mode: TradingMode | None
    as_of: datetime
    worst: DrawdownPoint | None = Field(description="the deepest of the span by percent; null without a result")
    points: list[DrawdownPoint] = Field(description=THINNED)


class DailyResult(Answer):
    """What a UTC day, or a run of days, brought: realized, after fees."""

    date: date
    last_date: _Day = Field(description="the same for one day")
    pnl: Dollars


class Daily(Answer):
    """Results by day, oldest first. Days without a result have no row."""

    mode: TradingMode | None
    as_of: datetime
    results: list[DailyResult] = Field(
        description="a span of more than 366 days comes in runs of 8, 16, 32 or 41 days, each with the sum of its "
        "days: at most 91 results"
    )


class Result(Answer):
    """Trades and results of climate days, an hour ago or more."""

    trades: int = Field(description="fills")
    gross_pnl: Dollars = Field(description="realized, before fees; dollars, decimal text")
    fees: Dollars
    net_pnl: Dollars = Field(description="gross less fees; dollars, decimal text")
    wins: int = Field(description="settled markets whose result after fees was above zero")
    losses: int = Field(description="settled markets whose result after fees was below zero")
    win_rate: Rate | None = Field(description="won of all decided markets; null before the first; 0 to 1, decimal text")


class CityResult(Result):
    """Of one city."""

    city_code: str
    city_name: str
    volume: Contracts


class Cities(Answer):
    """Results by city over the last `days` climate days, in the order of the table of cities."""

    mode: TradingMode | None
    as_of: datetime
    days: int
    cities: list[CityResult]


class StrategyResult(Result):
    """Of one strategy."""

    strategy_name: str
    signals: int = Field(description="decisions, traded or not")


class Strategies(Answer):
    """Results by strategy over the last `days` climate days, by name."""

    mode: TradingMode | None
    as_of: datetime
    days: int
    strategies: list[StrategyResult]


class Execution(Answer):
    """How the newest public trades were executed. Means are weighted by contracts."""

    mode: TradingMode | None
    as_of: datetime
    trades: int = Field(description="how many there are, `newest` at most")
    since: datetime | None = Field(description="the time of the oldest of them")
    contracts: Contracts
    buys: int
    sales: int
    fees: Dollars
    fee_per_contract: Dollars | None = Field(description="null without trades; dollars, decimal text")
    markout_5m: Dollars | None = Field(
        description="mean, of the trades where it is known: the market's mid 5 minutes later against the price, "
        "positive is good for us; dollars a contract, decimal text"
    )
    markout_30m: Dollars | None = Field(description="the same after 30 minutes")
    markouts_known: int = Field(description="of how many trades the mean after 5 minutes is")


class Summary(Answer):
    """What the front page shows, read together."""

    status: PlatformStatus
    hero: Hero
    equity: Equity
    today: Today
    trades: Trades
