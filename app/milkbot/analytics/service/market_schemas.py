"""What the service answers of markets and of forecasts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field, PlainSerializer

from milkbot.analytics.service.schemas import Answer, Contracts, Dollars, Striking, decimal_text
from milkbot.domain.cities import Extreme
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import Leg

Degrees = Annotated[float, Field(description="degrees Fahrenheit")]
OfficialDegrees = Annotated[
    Decimal, PlainSerializer(decimal_text), Field(description="degrees Fahrenheit, decimal text", examples=["50.00"])
]
Probability = Annotated[float, Field(ge=0, le=1, description="0 to 1")]


class Market(Striking):
    """All trades of an hour ago or more in one market, folded.

    Realized is what came in and went out so far, after fees; unrealized is what is still held at the best buyer's price
    less its cost. The two add up.
    """

    event_ticker: str = Field(examples=["KXHIGHNY-26NOV27"])
    city_code: str
    climate_day: date
    first_leg: Leg = Field(description="what was bought first")
    trades: int = Field(description="fills")
    bought: Contracts = Field(description="contracts of all buys; contracts, decimal text")
    sold: Contracts = Field(description="contracts of all sales; contracts, decimal text")
    held_leg: Leg | None = Field(description="what is held, or was held at settlement; null where all was sold")
    held: Contracts = Field(description="contracts of it, 0.00 where all was sold; contracts, decimal text")
    cost: Dollars = Field(description="what the held contracts were bought for, without fees; dollars, decimal text")
    fees: Dollars = Field(description="of all trades; dollars, decimal text")
    first_trade_time: datetime
    last_trade_time: datetime
    is_open: bool = Field(description="held and not settled")
    result: str | None = Field(description='how the market settled, "yes" or "no"; null before')
    official_value: OfficialDegrees | None = Field(
        description="the official temperature that the exchange settled by; null before, and where it did not say it; "
        "degrees Fahrenheit, decimal text"
    )
    settled_at: datetime | None
    realized_pnl: Dollars = Field(description="so far, after fees; dollars, decimal text")
    unrealized_pnl: Dollars | None = Field(
        description="null where nothing is open, or nobody offers to buy it; dollars, decimal text"
    )
    marked_at: datetime | None = Field(description="when the order book of unrealized_pnl was read")


class Markets(Answer):
    """The markets that were traded, newest climate day first."""

    mode: TradingMode | None
    as_of: datetime
    delay_minutes: int
    markets: list[Market]
    next_cursor: str | None = Field(default=None, description="`cursor` of the next page; null on the last one")


class MarketResult(Striking):
    """How a market came out, held or not, in the exchange's newest words of an hour ago or more."""

    event_ticker: str = Field(examples=["KXHIGHNY-26NOV27"])
    city_code: str | None = Field(description="null where the city is not traded any more")
    climate_day: date
    result: str = Field(description='"yes" or "no"')
    official_value: OfficialDegrees | None = Field(
        description="the official temperature that the exchange settled by; null where it did not say it; "
        "degrees Fahrenheit, decimal text"
    )
    source: str | None = Field(
        description="the daily climate report of the National Weather Service by which the market's rules settle it",
        examples=["CLINYC"],
    )
    settled_at: datetime | None
    first_result: str | None = Field(description="what the exchange had said first; null where it corrected nothing")
    first_official_value: OfficialDegrees | None = Field(
        description="the temperature that it had said first; null as first_result; degrees Fahrenheit, decimal text"
    )
    corrected_at: datetime | None = Field(description="when the correction was read; null as first_result")


class Results(Answer):
    """How markets came out, newest climate day first."""

    mode: TradingMode | None
    as_of: datetime
    delay_minutes: int
    results: list[MarketResult]
    next_cursor: str | None = Field(default=None, description="`cursor` of the next page; null on the last one")


class Bracket(Striking):
    """One market of an event: what we say, what the market says, and what we hold."""

    probability: Probability | None = Field(description="of YES, as forecast; null where there is no forecast; 0 to 1")
    yes_bid: Dollars | None = Field(description="the best buyer's price; null where there is none; dollars")
    yes_ask: Dollars | None = Field(description="the best seller's price; null where there is none; dollars")
    mid: Dollars | None = Field(
        description="half-way between the two, an empty side counts as 0 or 1; null where both are; dollars"
    )
    market_probability: Probability | None = Field(
        description="the mid divided by the sum of the event's mids; null where a mid is; 0 to 1"
    )
    held_leg: Leg | None = Field(description="what we hold, null for nothing")
    held: Contracts


class EventForecast(Answer):
    """One event: a city's high or low of a climate day, as the trader saw it at `as_of`."""

    event_ticker: str = Field(examples=["KXHIGHNY-26NOV27"])
    city_code: str
    city_name: str
    station: str = Field(description="where it is measured", examples=["KNYC"])
    measure: Extreme
    climate_day: date = Field(description="midnight to midnight, local standard time all year")
    day_ends: datetime
    as_of: datetime = Field(description="when the forecast was made, an hour ago or more")
    forecaster: str
    version: str | None
    reason: str | None = Field(description="why there are no probabilities, as a code; null where there are")
    forecast_f: Degrees | None = Field(description="the weather service's forecast of the high or low")
    forecast_sd_f: Degrees | None = Field(
        description="always null: a forecaster gives chances, which need no spread",
        json_schema_extra={"deprecated": True},
    )
    forecast_issued_at: datetime | None
    observed_f: Degrees | None = Field(description="the highest, or lowest, that was measured so far on the day")
    current_f: Degrees | None
    observed_at: datetime | None = Field(description="when current_f was measured")
    weather_source: str
    brackets: list[Bracket] = Field(description="from cold to warm")


class Today(Answer):
    """The events of the climate days that are not over, and of which there is a forecast: today's, and tomorrow's."""

    mode: TradingMode | None
    as_of: datetime
    delay_minutes: int
    events: list[EventForecast] = Field(description="by city, then high before low, then day")
