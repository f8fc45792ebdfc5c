"""Asking a forecaster: what it is given, what counts as an answer, and that the market is its own equal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.unit.score.samples import LADDER, TWO, Trades, event, tape

from milkbot.domain.units import Price
from milkbot.forecast.forecaster import NoForecast, load
from milkbot.forecast.inputs import Inputs, Quote
from milkbot.score import yardsticks
from milkbot.score.bootstrap import Interval
from milkbot.score.evaluate import difference, evaluate
from milkbot.score.events import RecordedEvent
from milkbot.score.moments import parse
from milkbot.score.recording import Known, LookAheadError, Recording
from milkbot.score.report import reading
from milkbot.score.rules import SCORES
from milkbot.score.yardsticks import Yardstick

DAY10 = parse("day10")
EVENTS = [
    event(high=high, day=date(2024, 2, 27) + timedelta(days=n)) for n, high in enumerate((48, 50, 53, 55, 57, 60))
]
"""Six days around a leap day, each with another winner."""


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Two brackets of each event are priced before 10:00, and its winner again after it."""
    trades: Trades = [
        row
        for one in EVENTS
        for row in (
            (one.brackets[2].ticker, f"{one.day}T14:00:00Z", "45", "yes"),
            (one.brackets[2].ticker, f"{one.day}T14:01:00Z", "41", "no"),
            (one.brackets[3].ticker, f"{one.day}T14:02:00Z", "30", "yes"),
            (one.brackets[one.winner].ticker, f"{one.day}T22:00:00Z", "99", "yes"),
        )
    ]
    return tape(tmp_path, trades, *EVENTS)


def made(answer: Callable[[Inputs], Any]) -> Yardstick:
    """A forecaster of one function."""
    return Yardstick("planted", {}, answer)


@pytest.mark.parametrize("forecaster", [yardsticks.MID, load("market")], ids=["yardstick", "installed"])
def test_the_market_as_its_own_forecaster_differs_by_exactly_zero(recording: Recording, forecaster: Any) -> None:
    found = difference(evaluate(recording, forecaster, DAY10), evaluate(recording, yardsticks.MID, DAY10))
    assert len(found.ours.answers) == len(EVENTS)
    for name in SCORES:
        assert found.of_events(name) == [0.0] * len(EVENTS)
        assert (found.mean(name), found.interval(name)) == (0.0, Interval(0.0, 0.0))


def test_a_forecaster_that_searches_its_inputs_for_the_winner_finds_nothing(recording: Recording) -> None:
    def peeks(inputs: Inputs) -> Sequence[float]:
        highest = [max((trade.price for trade in one.trades), default=Decimal(0)) for one in inputs.brackets]
        known = [
            price > Decimal("0.9") or getattr(one, "won", False)
            for one, price in zip(inputs.brackets, highest, strict=True)
        ]
        late = [stamp for stamp in _stamps(inputs) if stamp > inputs.as_of]
        assert not late
        return [1.0 if one else 0.0 for one in known] if any(known) else [1 / 6] * 6

    found = difference(evaluate(recording, made(peeks), DAY10), evaluate(recording, made(yardsticks.uniform), DAY10))
    assert found.of_events("event") == [0.0] * len(EVENTS)


def _stamps(value: object) -> Iterator[datetime]:
    """Every time of issue and receipt in the inputs, wherever it is."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for one in dataclasses.fields(value):
            if one.name in ("issued_at", "received_at", "observed_at", "as_of"):
                yield getattr(value, one.name)
            else:
                yield from _stamps(getattr(value, one.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _stamps(item)


class _LateTape:
    """Prices of a reader that is wrong: it hands out the winner's price from after the moment."""

    def __init__(self, late: timedelta) -> None:
        self._late = late

    def known(self, event: RecordedEvent, moment: datetime) -> Sequence[Known]:
        after = moment + self._late
        prices = [Price(Decimal("0.99") if one.won else Decimal("0.01")) for one in event.brackets]
        return [Known(Quote(price, price, after, moment)) for price in prices]


@pytest.mark.parametrize("late", [timedelta(hours=8), timedelta(microseconds=1), timedelta(0)])
def test_recorded_prices_that_peek_are_caught(late: timedelta) -> None:
    planted = Recording("planted", "prices from after the moment", tuple(EVENTS), _LateTape(late))
    with pytest.raises(LookAheadError, match="was given out as known at"):
        evaluate(planted, yardsticks.MID, DAY10)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: 1 / 0, "it raised ZeroDivisionError: division by zero"),
        (lambda _: [0.5, 0.5], "the answer has 2 probabilities for 6 brackets"),
        (lambda _: [0.0] * 6, "the probabilities sum to 0"),
        (
            lambda _: [-0.1, 0.3, 0.2, 0.2, 0.2, 0.2],
            "the answer holds -0.1, expected finite numbers that are not negative",
        ),
        (lambda _: [float("nan")] * 6, "the answer holds nan, expected finite numbers that are not negative"),
        (lambda _: "nonsense", "the answer is of type str, expected a sequence of 6 numbers"),
        (lambda _: NoForecast("no idea"), "no idea"),
    ],
)
def test_what_is_no_distribution_is_no_answer_and_is_counted_with_its_reason(
    recording: Recording, answer: Callable[[Inputs], Any], reason: str
) -> None:
    found = evaluate(recording, made(answer), DAY10)
    assert found.answers == ()
    assert found.without == {reason: len(EVENTS)}


def test_both_are_compared_on_the_events_that_both_answered(recording: Recording) -> None:
    leap = made(lambda inputs: [1 / 6] * 6 if inputs.climate_day == date(2024, 2, 29) else NoForecast("not today"))
    found = difference(evaluate(recording, leap, DAY10), evaluate(recording, yardsticks.MID, DAY10))
    assert [one.event.day for one in found.theirs.answers] == [date(2024, 2, 29)]


def test_markets_without_a_price_are_counted_and_stand_for_half_a_cent(recording: Recording) -> None:
    found = evaluate(recording, yardsticks.MID, DAY10)
    assert found.filled == 4 * len(EVENTS)
    assert found.answers[0].probabilities == (0.005, 0.005, 0.43, 0.30, 0.005, 0.005)


def test_events_of_two_and_six_brackets_weigh_the_same_but_for_the_mean_over_markets() -> None:
    mixed = Recording("mixed", "two kinds of events", (event(TWO, 40), event(day=date(2024, 11, 21))), _Unpriced())
    found = evaluate(mixed, made(yardsticks.uniform), DAY10)
    assert found.mean("event") == pytest.approx((0.5 + 5 / 6) / 2)
    assert found.mean("bin") == pytest.approx((2 * 0.25 + 6 * 5 / 36) / 8)
    listing = evaluate(mixed, Yardstick("listing", {}, yardsticks.around("listing", 3.0)), DAY10)
    assert listing.without == {"no forecast of listing": 1}


class _Unpriced:
    """Prices of nothing."""

    def known(self, event: RecordedEvent, moment: datetime) -> Sequence[Known]:
        del moment
        return [Known() for _ in event.brackets]


def test_markets_without_a_price_share_what_the_others_leave_of_a_dollar(recording: Recording) -> None:
    found = evaluate(recording, made(yardsticks.shared), DAY10)
    assert found.answers[0].probabilities == pytest.approx((0.0675, 0.0675, 0.43, 0.30, 0.0675, 0.0675))


def test_a_difference_is_better_or_worse_only_where_its_whole_interval_is() -> None:
    readings = {Interval(-0.2, -0.1): "better", Interval(0.1, 0.2): "worse", Interval(-0.1, 0.1): "not shown"}
    readings |= {Interval(-0.1, 0.0): "not shown", Interval(0.0, 0.1): "not shown", Interval(0.0, 0.0): "the same"}
    assert {one: reading(one) for one in readings} == readings
    assert reading(None) == "no events"


def test_uniform_answers_score_as_known_on_six_brackets(recording: Recording) -> None:
    found = evaluate(recording, made(yardsticks.uniform), DAY10)
    assert (round(found.mean("bin"), 4), round(found.mean("event"), 4), found.days) == (0.1389, 0.8333, 6)
    assert len(LADDER) == 6
