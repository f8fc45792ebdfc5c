"""`/skill`: whether the forecasts are better than the market's, by how many days, and what that proves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from milkbot.analytics.service.schemas import PlatformStatus
from milkbot.analytics.service.skill_schemas import (
    CitySkill,
    ForecasterSkill,
    MeanScores,
    Reliability,
    ReliabilityBin,
    Skill,
)
from milkbot.dashboard.api_client import AnalyticsApi, NoSuchAddressError
from milkbot.dashboard.notices import Notice
from milkbot.dashboard.site.charts import Shares, share_chart
from milkbot.dashboard.site.drawing import draw
from milkbot.dashboard.site.pages import Page, status_values
from milkbot.domain.modes import TradingMode

DAYS = 90
ENOUGH = 100
"""Events below which a mean score says nothing yet."""
DRAWN = 10
"""Chances of a tenth below which the curve leaves it out: the table has it."""
CURVE_HEIGHT = 400
LEADS = {
    "prev18": "18:00 the evening before",
    "day07": "7:00 of the day",
    "day10": "10:00 of the day",
    "day13": "13:00 of the day",
}
"""How the lead times of the API are said; all are of the city's clock."""
STANDINGS = {
    "unproven": "Unproven: the days so far do not show that it is better than the market, nor that it is worse.",
    "better": "Better than the market: a test that may be read every day has shown it.",
    "worse": "Worse than the market: a test that may be read every day has shown it.",
}


@dataclass(frozen=True, slots=True)
class LeadLine:
    """The mean scores at one lead time, lower is better."""

    lead: str
    events: int
    days: int
    verdict: str
    brier: str
    market_brier: str
    brier_difference: float
    log: str
    market_log: str
    log_difference: float


@dataclass(frozen=True, slots=True)
class CityLine:
    """The mean scores of one city at the lead time of the sequential test."""

    city: str
    lead: str
    events: int
    verdict: str
    brier: str
    market_brier: str
    brier_difference: float


@dataclass(frozen=True, slots=True)
class ForecasterScores:
    """One forecaster with its scores by lead time and by city."""

    name: str
    standing: str
    evidence_days: int
    leads: tuple[LeadLine, ...]
    cities: tuple[CityLine, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """One forecaster's curve beside the market's: what was said against what happened, by tenth."""

    name: str
    lead: str
    n: int
    ours: Shares
    market: Shares
    bins: tuple[ReliabilityBin, ...]


def _verdict(skill: MeanScores) -> str:
    if skill.events < ENOUGH:
        return f"n < {ENOUGH}: says nothing yet"
    if skill.brier_difference == skill.log_difference == 0:
        return "the same as the market"
    if skill.brier_difference < 0 and skill.log_difference < 0:
        return "better in these days"
    if skill.brier_difference > 0 and skill.log_difference > 0:
        return "worse in these days"
    return "better by one score, worse by the other"


def _line(skill: ForecasterSkill) -> LeadLine:
    return LeadLine(
        lead=LEADS.get(skill.lead, skill.lead),
        events=skill.events,
        days=skill.days,
        verdict=_verdict(skill),
        brier=f"{skill.brier:.4f}",
        market_brier=f"{skill.market_brier:.4f}",
        brier_difference=skill.brier_difference,
        log=f"{skill.log:.3f}",
        market_log=f"{skill.market_log:.3f}",
        log_difference=skill.log_difference,
    )


def _city_line(skill: CitySkill) -> CityLine:
    return CityLine(
        city=skill.city_name,
        lead=LEADS.get(skill.lead, skill.lead),
        events=skill.events,
        verdict=_verdict(skill),
        brier=f"{skill.brier:.4f}",
        market_brier=f"{skill.market_brier:.4f}",
        brier_difference=skill.brier_difference,
    )


def _who(row: MeanScores | ReliabilityBin) -> tuple[str, str, str]:
    """Each version and each set of parameters is a forecaster of its own."""
    return row.forecaster, row.version, row.parameters_hash


def scores_of(skill: Skill) -> list[ForecasterScores]:
    """The forecasters, in the API's order."""
    groups: dict[tuple[str, str, str], list[ForecasterSkill]] = {}
    for row in skill.forecasters:
        groups.setdefault(_who(row), []).append(row)
    return [
        ForecasterScores(
            name=f"{name} {version}",
            standing=STANDINGS[rows[0].standing],
            evidence_days=rows[0].evidence_days,
            leads=tuple(_line(row) for row in rows),
            cities=tuple(_city_line(row) for row in skill.cities if _who(row) == who),
        )
        for who, rows in groups.items()
        for name, version, _ in (who,)
    ]


def curves_of(reliability: Reliability) -> list[Calibration]:
    """The curve of each forecaster, in the API's order."""
    groups: dict[tuple[str, str, str], list[ReliabilityBin]] = {}
    for one in reliability.bins:
        groups.setdefault(_who(one), []).append(one)
    return [
        Calibration(
            name=f"{name} {version}",
            lead=LEADS.get(reliability.lead, reliability.lead),
            n=sum(one.n for one in bins),
            ours=_shares((one.n, one.said, one.happened) for one in bins),
            market=_shares((one.market_n, one.market_said, one.market_happened) for one in bins),
            bins=tuple(bins),
        )
        for (name, version, _), bins in groups.items()
    ]


def _shares(points: Iterable[tuple[int, float | None, float | None]]) -> Shares:
    """The curve through the tenths of which enough was said."""
    return share_chart(
        [(said, came) for n, said, came in points if n >= DRAWN and said is not None and came is not None],
        CURVE_HEIGHT,
    )


@dataclass(frozen=True, slots=True)
class SkillAnswers:
    """What the page is drawn from."""

    skill: Skill
    reliability: Reliability | None
    status: PlatformStatus

    @property
    def mode(self) -> TradingMode | None:
        """None before the first tick."""
        return self.skill.mode


@dataclass(frozen=True, slots=True)
class SkillPage(Page[SkillAnswers]):
    """The page of the scores."""

    path: ClassVar[str] = "/skill"

    def read(self, api: AnalyticsApi) -> SkillAnswers:
        """Ask the API. Raises ApiUnavailableError; an API that has no curve yet is done without."""
        skill, status = api.skill(DAYS), api.status()
        try:
            return SkillAnswers(skill, api.reliability(DAYS), status)
        except NoSuchAddressError:
            return SkillAnswers(skill, None, status)

    def draw(self, answers: SkillAnswers, *, now: datetime, away: Notice | None, refresh: int) -> str:
        """The markup."""
        return draw(
            "skill",
            now=now,
            refresh=refresh,
            mode=answers.mode,
            summary="Are the program's chances better than the market's? The scores of both, and what they prove.",
            **status_values(answers.status, away, now),
            days=DAYS,
            enough=ENOUGH,
            forecasters=scores_of(answers.skill),
            curves=curves_of(answers.reliability) if answers.reliability else [],
            drawn=DRAWN,
            height=CURVE_HEIGHT,
        )
