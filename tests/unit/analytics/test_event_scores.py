"""The scores of production are those of the yardstick, at the same moments."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.analytics import forecast_scores
from milkbot.analytics.event_scores import Compared, compare
from milkbot.domain.chances import LEAST
from milkbot.domain.cities import all_series
from milkbot.score import moments, rules
from milkbot.score.events import RecordedEvent
from milkbot.sizing.evidence import DayGain

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
DAYS = (date(2026, 1, 15), date(2026, 3, 8), date(2026, 7, 4), date(2026, 11, 1), date(2028, 2, 29))
"""Winter, both changes of the clocks, summer, a leap day."""


@st.composite
def events(draw: st.DrawFn) -> tuple[list[float], list[float | None], int]:
    """Probabilities that sum to one, mids of which one is there, and the bracket that won."""
    count = draw(st.integers(2, 8))
    weights = draw(st.lists(st.floats(0, 1), min_size=count, max_size=count).filter(lambda drawn: sum(drawn) > 0.01))
    mids = draw(st.lists(st.none() | st.floats(0.005, 0.995), min_size=count, max_size=count))
    return [weight / sum(weights) for weight in weights], mids, draw(st.integers(0, count - 1))


@given(events())
def test_scores_equal_those_of_scoringrules(event: tuple[list[float], list[float | None], int]) -> None:
    chances, mids, winner = event
    found = compare(chances, mids, winner)
    priced = [LEAST if price is None else price for price in mids]
    for answer, mine in ((chances, found.ours), (priced, found.market)):
        (wanted,) = rules.score([answer], [winner])
        assert (mine.brier, mine.log, mine.rps) == pytest.approx((wanted.event, wanted.log, wanted.rps), abs=1e-9)


@given(events())
def test_the_gain_lies_between_what_it_could_have_been(event: tuple[list[float], list[float | None], int]) -> None:
    chances, mids, winner = event
    found = compare(chances, mids, winner)
    DayGain(found.gain, found.least, found.most)
    others = [compare(chances, mids, other).gain for other in range(len(chances))]
    assert (found.least, found.most) == (min(others), max(others))
    assert found.gain == pytest.approx(found.market.brier - found.ours.brier, abs=1e-12)


def test_who_answers_the_markets_mids_gains_nothing_whatever_comes_true() -> None:
    mids = [0.05, 0.25, 0.6, 0.15]
    found = compare(mids, mids, 2)
    assert isinstance(found, Compared)
    assert (found.gain, found.least, found.most) == (0, 0, 0)


@pytest.mark.parametrize("name", forecast_scores.LEADS)
@pytest.mark.parametrize("day", DAYS)
def test_lead_times_are_the_decision_times_of_the_yardstick(name: str, day: date) -> None:
    for series in all_series():
        event = RecordedEvent("EVENT", series, day, (), None, NOON)
        assert forecast_scores.moment_of(name, series.city, day) == moments.parse(name).of(event)


def test_evidence_is_gathered_at_one_of_the_lead_times() -> None:
    assert forecast_scores.EVIDENCE_LEAD in forecast_scores.LEADS
