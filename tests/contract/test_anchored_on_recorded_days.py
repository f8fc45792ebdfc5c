"""The default forecaster on the recorded days, each by what was known then: nowhere is it much worse than the mid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.contract.measured import recorded

from milkbot.forecast.anchored import shipped
from milkbot.score.fit import Fit, fit
from milkbot.score.moments import parse
from milkbot.score.skill import compare

MOST_WORSE = 0.005
"""Points of Brier score."""
EVERY_THIRD_HOUR = (*(f"prev{hour}" for hour in range(12, 24, 3)), *(f"day{hour:02}" for hour in range(0, 22, 3)))


@pytest.fixture(scope="module")
def fitted(shared_data: Path) -> Fit:
    """A fit to the tape, once for all tests."""
    return fit(recorded(shared_data, "tape"))


def numbers(parameters: Mapping[str, Any]) -> list[tuple[float, float, float]]:
    """From which hours on, exponent and weight."""
    return [(row["from_hours"], row["exponent"], row["weight"]) for row in parameters["stretches"]]


def test_the_shipped_parameters_come_out_of_the_recorded_days(fitted: Fit) -> None:
    found = fitted.parameters(fitted.recording.events[-1].day, [])
    assert numbers(found) == numbers(shipped())
    assert found["data"] == shipped()["data"]


@pytest.mark.parametrize("at", EVERY_THIRD_HOUR)
def test_at_no_lead_time_is_the_default_much_worse_than_the_market(fitted: Fit, at: str) -> None:
    default, market = compare(fitted.recording, [fitted.walk], [parse(at)], ["event"])
    assert default.margins["event"].most is not None
    assert default.margins["event"].most < MOST_WORSE
    assert market.margins["event"].less_market == 0.0


def test_the_shipped_walk_forward_scores_are_those_of_the_fit(fitted: Fit) -> None:
    (wanted,) = (row for row in shipped()["walk_forward"] if row["at"] == "day10")
    default, _ = compare(fitted.recording, [fitted.walk], [parse("day10")])
    assert default.plain() == wanted


def test_no_weather_has_a_weight_on_the_recorded_days(fitted: Fit) -> None:
    assert [one.pool.weight for one in fitted.stretches] == [0.0] * len(fitted.stretches)
