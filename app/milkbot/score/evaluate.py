"""A forecaster on every event of a recording at one decision time: its answers, their scores, and where it had none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from milkbot.forecast.answers import NonsenseError, distribution, numbers
from milkbot.forecast.forecaster import Forecaster, NoForecast
from milkbot.forecast.inputs import Inputs
from milkbot.score.bootstrap import LEVEL, Interval, interval
from milkbot.score.events import RecordedEvent
from milkbot.score.moments import DecisionTime
from milkbot.score.recording import Recording
from milkbot.score.rules import EventScores, score


@dataclass(frozen=True, slots=True)
class Answer:
    """What a forecaster answered to an event, bracket by bracket from cold to warm, and its scores.

    `priced`: whether each bracket had a price before the moment.
    """

    event: RecordedEvent
    moment: datetime
    probabilities: tuple[float, ...]
    priced: tuple[bool, ...]
    scores: EventScores

    @property
    def filled(self) -> int:
        """How many brackets had no price."""
        return self.priced.count(False)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A forecaster at a decision time. `without`: why events have no answer, and how many for that reason."""

    forecaster: str
    at: DecisionTime
    answers: tuple[Answer, ...]
    without: Mapping[str, int]

    @property
    def days(self) -> int:
        """How many climate days have an answer."""
        return len({answer.event.day for answer in self.answers})

    @property
    def filled(self) -> int:
        """How many markets had no price before their moment."""
        return sum(answer.filled for answer in self.answers)

    def mean(self, name: str) -> float:
        """A score over all events; `bin` over all markets. NaN without an event."""
        return weighted_mean(*_values(self.answers, name))

    def interval(self, name: str, level: float = LEVEL) -> Interval | None:
        """The bootstrap's interval of that mean."""
        values, weights = _values(self.answers, name)
        return interval([answer.event.day for answer in self.answers], values, weights, level)

    def where(self, events: frozenset[str]) -> Evaluation:
        """The same for the events of those tickers."""
        kept = tuple(answer for answer in self.answers if answer.event.ticker in events)
        return Evaluation(self.forecaster, self.at, kept, self.without)


@dataclass(frozen=True, slots=True)
class Difference:
    """A forecaster less another one on the events that both answered. Below zero the first is better."""

    ours: Evaluation
    theirs: Evaluation

    def of_events(self, name: str) -> list[float]:
        """The difference on each event."""
        pairs = zip(self.ours.answers, self.theirs.answers, strict=True)
        return [getattr(one.scores, name) - getattr(other.scores, name) for one, other in pairs]

    def mean(self, name: str) -> float:
        """The difference of the means."""
        return weighted_mean(self.of_events(name), _values(self.ours.answers, name)[1])

    def interval(self, name: str, level: float = LEVEL) -> Interval | None:
        """The bootstrap's interval of that difference."""
        days = [answer.event.day for answer in self.ours.answers]
        return interval(days, self.of_events(name), _values(self.ours.answers, name)[1], level)


def difference(ours: Evaluation, theirs: Evaluation) -> Difference:
    """The two on the events that both answered."""
    both = frozenset(one.event.ticker for one in ours.answers) & {one.event.ticker for one in theirs.answers}
    return Difference(ours.where(both), theirs.where(both))


def evaluate(recording: Recording, forecaster: Forecaster, at: DecisionTime) -> Evaluation:
    """Ask a forecaster about every event. An exception, or an answer that is no distribution, is no answer."""
    asked: list[tuple[RecordedEvent, Inputs, Sequence[float]]] = []
    without: Counter[str] = Counter()
    for event in recording.events:
        inputs = recording.inputs(event, at.of(event))
        answer = _asked(forecaster, inputs)
        if isinstance(answer, NoForecast):
            without[answer.reason] += 1
        else:
            asked.append((event, inputs, answer))
    scored = score([answer for _, _, answer in asked], [event.winner for event, _, _ in asked])
    answers = tuple(
        Answer(event, inputs.as_of, tuple(answer), tuple(one.quote is not None for one in inputs.brackets), scores)
        for (event, inputs, answer), scores in zip(asked, scored, strict=True)
    )
    return Evaluation(forecaster.name, at, answers, dict(without))


def _asked(forecaster: Forecaster, inputs: Inputs) -> Sequence[float] | NoForecast:
    try:
        answer = forecaster.forecast(inputs)
        if isinstance(answer, NoForecast):
            return answer
        distribution(answer, len(inputs.brackets))
        return numbers(answer, len(inputs.brackets))
    except NonsenseError as error:
        return NoForecast(str(error))
    except Exception as error:  # noqa: BLE001 - code of others: whatever it raises, it is no answer
        return NoForecast(f"it raised {type(error).__name__}: {error}")


def weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """NaN without any value."""
    total = math.fsum(weights)
    return (
        math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / total if total else math.nan
    )


def _values(answers: Sequence[Answer], name: str) -> tuple[list[float], list[float]]:
    weights = [float(answer.scores.markets) if name == "bin" else 1.0 for answer in answers]
    return [getattr(answer.scores, name) for answer in answers], weights
