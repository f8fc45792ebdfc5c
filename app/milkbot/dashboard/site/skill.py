"""`/skill`: whether the forecasts are better than the market's, by how many days, and what that proves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from milkbot.analytics.service.schemas import ForecasterSkill, PlatformStatus, Skill
from milkbot.dashboard.api_client import AnalyticsApi
from milkbot.dashboard.notices import Notice
from milkbot.dashboard.site.drawing import draw
from milkbot.dashboard.site.pages import Page, status_values
from milkbot.domain.modes import TradingMode

DAYS = 90
ENOUGH = 100
"""Events below which a mean score says nothing yet."""
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
class ForecasterScores:
    """One forecaster with its scores by lead time."""

    name: str
    standing: str
    evidence_days: int
    leads: tuple[LeadLine, ...]


def _line(skill: ForecasterSkill) -> LeadLine:
    if skill.events < ENOUGH:
        verdict = f"n < {ENOUGH}: says nothing yet"
    elif skill.brier_difference == skill.log_difference == 0:
        verdict = "the same as the market"
    elif skill.brier_difference < 0 and skill.log_difference < 0:
        verdict = "better in these days"
    elif skill.brier_difference > 0 and skill.log_difference > 0:
        verdict = "worse in these days"
    else:
        verdict = "better by one score, worse by the other"
    return LeadLine(
        lead=LEADS.get(skill.lead, skill.lead),
        events=skill.events,
        days=skill.days,
        verdict=verdict,
        brier=f"{skill.brier:.4f}",
        market_brier=f"{skill.market_brier:.4f}",
        brier_difference=skill.brier_difference,
        log=f"{skill.log:.3f}",
        market_log=f"{skill.market_log:.3f}",
        log_difference=skill.log_difference,
    )


def scores_of(skill: Skill) -> list[ForecasterScores]:
    """The forecasters, in the API's order; each version and each set of parameters is one of its own."""
    groups: dict[tuple[str, str, str], list[ForecasterSkill]] = {}
    for row in skill.forecasters:
        groups.setdefault((row.forecaster, row.version, row.parameters_hash), []).append(row)
    return [
        ForecasterScores(
            name=f"{name} {version}",
            standing=STANDINGS[rows[0].standing],
            evidence_days=rows[0].evidence_days,
            leads=tuple(_line(row) for row in rows),
        )
        for (name, version, _), rows in groups.items()
    ]


@dataclass(frozen=True, slots=True)
class SkillAnswers:
    """What the page is drawn from."""

    skill: Skill
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
        """Ask the API. Raises ApiUnavailableError."""
        return SkillAnswers(api.skill(DAYS), api.status())

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
        )
