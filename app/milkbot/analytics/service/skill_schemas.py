"""What the service answers of the worth of forecasts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from milkbot.analytics.service.schemas import Answer
from milkbot.domain.modes import TradingMode

Score = Annotated[float, Field(description="lower is better")]
Difference = Annotated[
    float, Field(description="the forecaster's less the market's; below zero the forecaster is better")
]
Lead = Annotated[
    str, Field(description="prev18 is 18:00 of the evening before on the city's clock, day10 10:00 of the day")
]


class MeanScores(Answer):
    """Mean scores of one forecaster at one lead time over the window, and of the market as of the same moments."""

    forecaster: str
    version: str
    parameters_hash: str
    lead: Lead
    days: int
    events: int
    brier: Score
    market_brier: Score
    brier_difference: Difference
    log: Score
    market_log: Score
    log_difference: Difference
    rps: Score
    market_rps: Score
    rps_difference: Difference


class ForecasterSkill(MeanScores):
    """Mean scores of one forecaster at one lead time over the window, and of the market as of the same moments.

    `standing`: what the sequential test says of all scored days of exactly this version and parameters, of which there
    are `evidence_days`; it is made at one lead time.
    """

    standing: Literal["unproven", "better", "worse"]
    evidence_days: int


class CitySkill(MeanScores):
    """The same of one city."""

    city_code: str
    city_name: str


class Skill(Answer):
    """Every forecaster that was scored in the last `days` climate days, live or in shadow."""

    mode: TradingMode | None
    as_of: datetime
    days: int
    forecasters: list[ForecasterSkill]
    cities: list[CitySkill] = Field(
        default=[], description="at the lead time of the sequential test, by forecaster and by the table of cities"
    )


class ReliabilityBin(Answer):
    """The chances of a tenth that a forecaster gave to brackets, and how many of them came true; the market's beside
    them, by its mids at the same moments. Null where there is none.
    """

    forecaster: str
    version: str
    parameters_hash: str
    lead: Lead
    low: float = Field(description="the chances are from here on; 0 to 1")
    high: float = Field(description="and below this, the last tenth included; 0 to 1")
    n: int = Field(description="how many chances the forecaster gave there: brackets of scored events")
    said: float | None = Field(description="their mean; 0 to 1")
    happened: float | None = Field(description="the share of these brackets that came true; 0 to 1")
    market_n: int = Field(description="how many chances the market gave there")
    market_said: float | None = Field(description="their mean; 0 to 1")
    market_happened: float | None = Field(description="the share of these brackets that came true; 0 to 1")


class Reliability(Answer):
    """What was said against what happened, at one lead time of the last `days` climate days. Only days that are settled
    count. A tenth in which neither the forecaster nor the market said anything has no row.
    """

    mode: TradingMode | None
    as_of: datetime
    days: int
    lead: Lead
    bins: list[ReliabilityBin] = Field(description="by forecaster, then from unlikely to likely")
