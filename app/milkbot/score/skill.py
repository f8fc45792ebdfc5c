"""Forecasters side by side: the scores of each at each decision time, and their differences to the market's mid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from milkbot.forecast.forecaster import Forecaster
from milkbot.score.bootstrap import Interval
from milkbot.score.evaluate import Evaluation, difference, evaluate
from milkbot.score.moments import DecisionTime
from milkbot.score.recording import Recording
from milkbot.score.yardsticks import MID

SHOWN: Mapping[str, str] = {"event": "Brier score", "log": "Log score"}
"""The scores that are shown, and what they are called."""
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Margin:
    """A score, and the same less the market's on the events that both answered. Below zero it is better.

    `interval` is the one of 95 %, `most` the upper bound of that of 90 %.
    """

    score: float
    less_market: float
    interval: Interval | None
    most: float | None


@dataclass(frozen=True, slots=True)
class Skill:
    """A forecaster at a decision time: its margins by the name of the score."""

    forecaster: str
    at: DecisionTime
    events: int
    days: int
    without: Mapping[str, int]
    margins: Mapping[str, Margin]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "at": self.at.name,
            "events": self.events,
            "days": self.days,
            **{
                name: {
                    "score": round(margin.score, _DIGITS),
                    "less_market": round(margin.less_market, _DIGITS),
                    "most": None if margin.most is None else round(margin.most, _DIGITS),
                }
                for name, margin in self.margins.items()
            },
        }


def compare(
    recording: Recording, rivals: Sequence[Forecaster], times: Sequence[DecisionTime], shown: Sequence[str] = (*SHOWN,)
) -> Iterator[Skill]:
    """Each forecaster at each time, then the market itself."""
    for at in times:
        market = evaluate(recording, MID, at)
        for rival in rivals:
            yield _skill(evaluate(recording, rival, at), market, shown)
        yield _skill(market, market, shown)


def _skill(ours: Evaluation, market: Evaluation, shown: Sequence[str]) -> Skill:
    both = difference(ours, market)
    margins = {}
    for name in shown:
        ninety = both.interval(name, 90.0)
        margins[name] = Margin(ours.mean(name), both.mean(name), both.interval(name), ninety.high if ninety else None)
    return Skill(ours.forecaster, ours.at, len(ours.answers), ours.days, ours.without, margins)
