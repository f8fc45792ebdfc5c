"""What the service answers. Money, prices, counts and rates are decimal text, so that no reader rounds them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from milkbot.domain.cities import Extreme
from milkbot.domain.markets import StrikeType
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import Leg
from milkbot.domain.trading_state import TradingState


def decimal_text(value: Decimal) -> str:
    """Plain notation, at least two decimals, no further trailing zeros: 12.5 is "12.50", 0.0175 is "0.0175"."""
    whole, _, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


SPANS = {"week": 7, "month": 31, "quarter": 92, "year": 366}
"""How far back the front page shows the account, in UTC days, by name."""
DEFAULT_SPAN = "month"

Dollars = Annotated[Decimal, PlainSerializer(decimal_text), Field(description="dollars, decimal text")]
Contracts = Annotated[Decimal, PlainSerializer(decimal_text), Field(description="contracts, decimal text")]
Rate = Annotated[Decimal, PlainSerializer(decimal_text), Field(description="0 to 1, decimal text")]
Percent = Annotated[Decimal, PlainSerializer(decimal_text), Field(description="percent, decimal text")]


_MARKOUT = "the market's mid {} minutes later against the price, positive is good for us; dollars, decimal text"


class Answer(BaseModel):
    """What all answers share: they are made from rows."""

    model_config = ConfigDict(from_attributes=True)


class Status(StrEnum):
    """How a component, or all of them, are."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


class Component(Answer):
    """One component; `detail` says what is wrong and what to do."""

    status: Status
    last_seen: datetime | None = None
    age_seconds: int | None = None
    latency_ms: float | None = None
    detail: str | None = None


class Components(Answer):
    """All components of the platform that the public depends on."""

    database: Component
    trader: Component
    rollups: Component


class Health(Answer):
    """Overall: down (503) without the database, degraded (200) while a component is late, else ok."""

    status: Status
    release: str
    trading_state: TradingState | None = None
    components: Components


class PlatformStatus(Answer):
    """What the trader may do, and when it last worked. All of it is of now, without delay; null is not yet, or nothing.

    A client compares the times with its own clock: an answer that came from a cache says nothing of now.
    """

    mode: TradingMode | None = Field(description="of the newest tick; null before the first")
    trading_state: TradingState | None = Field(
        description="active trades, reducing only lowers risk, halted only cancels and reconciles"
    )
    trading_state_code: str | None = Field(
        description="why it is not active: the breaker that tripped, reconciliation, or operator; null while active, "
        "and for an hour where a loss limit tripped",
        examples=["daily_loss"],
    )
    trading_state_since: datetime | None = Field(description="to the minute; null while active")
    trading_state_until: datetime | None = Field(description="null while active, and where only a person ends it")
    last_tick_started: datetime | None
    last_tick_finished: datetime | None
    last_rollup: datetime | None = Field(description="when the figures were last computed")
    tick_late_seconds: float | None = Field(description="a last_tick_finished older than this is late; null is never")
    rollup_late_seconds: float | None = Field(description="a last_rollup older than this is late; null is never")
    delay_minutes: int = Field(description="how far trades, results and forecasts are behind")


class Hero(Answer):
    """The figures at the top, as they stood at `as_of`. `mode` is null before the first tick."""

    mode: TradingMode | None
    total_pnl: Dollars = Field(description="realized, after fees, since the start; dollars, decimal text")
    unrealized_pnl: Dollars = Field(
        default=Decimal(0),
        description="what the open positions would bring at the best buyer's price an hour ago, less what they cost; "
        "not part of total_pnl; dollars, decimal text",
    )
    unpriced_positions: int = Field(
        default=0, description="open positions that nobody offered to buy: unrealized_pnl leaves them out"
    )
    win_rate: Rate | None = Field(description="won of all decided markets, 0 to 1; null before the first one")
    trades_today: int = Field(description="fills since midnight UTC of the day of as_of")
    active_positions: int = Field(description="markets held and not settled")
    as_of: datetime


class Striking(Answer):
    """Which outcome a market is about. greater: more than `floor_strike` degrees Fahrenheit; less: less than
    `cap_strike`; between: from the one to the other, both included. Null where it is not known.
    """

    ticker: str = Field(examples=["KXHIGHNY-26NOV27-T49"])
    measure: Extreme | None = Field(default=None, description="the day's official high or low is what counts")
    strike_type: StrikeType | None = None
    floor_strike: int | None = Field(default=None, description="whole degrees Fahrenheit")
    cap_strike: int | None = Field(default=None, description="whole degrees Fahrenheit")


class Trade(Striking):
    """A fill of an hour ago or more. `side` is the leg that was bought, or sold, at `price`.

    `total_cost` is negative where a sale brought more than its fee. `realized_pnl` is null until settlement.
    """

    city_code: str
    climate_day: date
    side: Leg
    action: Literal["buy", "sell"]
    quantity: Contracts
    price: Dollars
    fees: Dollars
    total_cost: Dollars
    realized_pnl: Dollars | None
    trade_time: datetime
    strategy_name: str
    markout_5m: Dollars | None = Field(default=None, description=_MARKOUT.format(5))
    markout_30m: Dollars | None = Field(default=None, description=_MARKOUT.format(30))


class Trades(Answer):
    """The newest public trades, newest first."""

    mode: TradingMode | None
    as_of: datetime
    delay_minutes: int
    trades: list[Trade]
    next_cursor: str | None = Field(default=None, description="`cursor` of the next page; null on the last one")


THINNED = (
    "a span of more than 366 days is divided into runs of 8, 16, 32 or 41 days; of each run the days with the highest "
    "and the lowest equity, the deepest drawdown, and the last one remain, and the first of all: at most 365 points"
)


class EquityPoint(Answer):
    """The account at the end of a UTC day."""

    date: date
    starting_equity: Dollars
    ending_equity: Dollars
    daily_pnl: Dollars
    cumulative_pnl: Dollars
    drawdown: Dollars
    drawdown_pct: Percent
    high_water_mark: Dollars


class Equity(Answer):
    """The equity curve, oldest first. Days without a result have no point. It is what is realized: the open positions
    are in unrealized_pnl of the hero figures.
    """

    mode: TradingMode | None
    as_of: datetime
    points: list[EquityPoint] = Field(description=THINNED)


class Problem(Answer):
    """Every error, in the form of RFC 9457 (application/problem+json)."""

    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    detail: str
