"""What `milkbot score` found, as plain values: for the tables, for JSON and for the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from milkbot.forecast.forecaster import Forecaster, parameters_hash
from milkbot.score.bootstrap import DRAWS, LEVEL, SEED, Interval
from milkbot.score.edges import Band, bands, takes, total
from milkbot.score.evaluate import Difference, Evaluation, difference, evaluate
from milkbot.score.moments import DecisionTime
from milkbot.score.recording import Recording
from milkbot.score.reliability import Bucket, reliability
from milkbot.score.rules import SCORES

UPPER: Final = 90.0
"""Per cent of the second interval: its upper end is what a default forecaster is bound by."""


@dataclass(frozen=True)
class Moment:
    """One decision time of one recording: the forecaster next to what it is compared with."""

    at: DecisionTime
    ours: Evaluation
    theirs: Evaluation
    difference: Difference
    reliability: Sequence[Bucket]
    their_reliability: Sequence[Bucket]
    edges: Sequence[Band]
    all_edges: Band | None

    def cities(self) -> Iterator[tuple[str, Difference]]:
        """The difference in each city that has events, by the series."""
        for series in sorted({answer.event.series.ticker for answer in self.difference.ours.answers}):
            mine = {one.event.ticker for one in self.difference.ours.answers if one.event.series.ticker == series}
            yield series, difference(self.ours.where(frozenset(mine)), self.theirs.where(frozenset(mine)))


@dataclass(frozen=True)
class Found:
    """One recording at all decision times."""

    recording: Recording
    moments: Sequence[Moment]


@dataclass(frozen=True)
class Report:
    """A forecaster on all recordings of a folder."""

    data: str
    forecaster: Forecaster
    against: Forecaster
    found: Sequence[Found]


def measure(
    data: str, recordings: Sequence[Recording], forecaster: Forecaster, against: Forecaster, at: Sequence[DecisionTime]
) -> Report:
    """Score a forecaster and another one on the same moments of every recording."""
    found = [Found(one, [_moment(one, forecaster, against, time) for time in at]) for one in recordings]
    return Report(data, forecaster, against, found)


def _moment(recording: Recording, forecaster: Forecaster, against: Forecaster, at: DecisionTime) -> Moment:
    ours, theirs = evaluate(recording, forecaster, at), evaluate(recording, against, at)
    both = difference(ours, theirs)
    taken = takes(recording, ours)
    return Moment(at, ours, theirs, both, reliability(both.ours), reliability(both.theirs), bands(taken), total(taken))


def reading(interval: Interval | None) -> str:
    """What an interval of a difference says: lower scores are better."""
    if interval is None:
        return "no events"
    if interval.low == interval.high == 0:
        return "the same"
    return "better" if interval.high < 0 else "worse" if interval.low > 0 else "not shown"


def band_name(band: Band) -> str:
    """A band in cents, as it is shown."""
    low, high = band.low * 100, band.high * 100
    if math.isinf(high):
        return f"above {low:g}" if low else "all above 0"
    return f"{low:g} to {high:g}" if math.isfinite(low) else f"{high:g} or less"


def as_json(report: Report) -> dict[str, Any]:
    """Everything, with each event. Numbers are not rounded; a mean over nothing is null."""
    return {
        "data": report.data,
        "forecaster": _forecaster(report.forecaster),
        "against": _forecaster(report.against),
        "bootstrap": {"blocks": "days", "draws": DRAWS, "seed": SEED, "level": LEVEL, "second_level": UPPER},
        "sets": [_set(found) for found in report.found],
    }


def _forecaster(one: Forecaster) -> dict[str, object]:
    hashed = parameters_hash(one.parameters)
    return {"name": one.name, "version": one.version, "parameters": dict(one.parameters), "parameters_hash": hashed}


def _set(found: Found) -> dict[str, Any]:
    events = found.recording.events
    return {
        "name": found.recording.name,
        "title": found.recording.title,
        "events": len(events),
        "first_day": events[0].day.isoformat(),
        "last_day": events[-1].day.isoformat(),
        "moments": [_moment_json(one) for one in found.moments],
    }


def _moment_json(moment: Moment) -> dict[str, Any]:
    return {
        "at": moment.at.name,
        "scores": [_scores(moment.ours), _scores(moment.theirs)],
        "difference": {
            "events": len(moment.difference.ours.answers),
            "days": moment.difference.ours.days,
            **{name: _difference(moment.difference, name) for name in SCORES},
        },
        "cities": {
            series: {"events": len(one.ours.answers), **{name: _difference(one, name) for name in SCORES}}
            for series, one in moment.cities()
        },
        "without": dict(moment.ours.without),
        "reliability": [_bucket(one) for one in moment.reliability],
        "reliability_against": [_bucket(one) for one in moment.their_reliability],
        "edges": [_band(one) for one in moment.edges],
        "all_edges": None if moment.all_edges is None else _band(moment.all_edges),
        "by_event": list(_by_event(moment)),
    }


def _scores(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "forecaster": evaluation.forecaster,
        "events": len(evaluation.answers),
        "days": evaluation.days,
        "filled": evaluation.filled,
        **{
            name: {"mean": _number(evaluation.mean(name)), "interval": _interval(evaluation.interval(name))}
            for name in SCORES
        },
    }


def _difference(one: Difference, name: str) -> dict[str, Any]:
    return {
        "mean": _number(one.mean(name)),
        "interval": _interval(one.interval(name)),
        "second_interval": _interval(one.interval(name, UPPER)),
    }


def _by_event(moment: Moment) -> Iterator[Mapping[str, object]]:
    theirs = {answer.event.ticker: answer for answer in moment.theirs.answers}
    for answer in moment.ours.answers:
        other = theirs.get(answer.event.ticker)
        yield {
            "event": answer.event.ticker,
            "day": answer.event.day.isoformat(),
            "series": answer.event.series.ticker,
            "as_of": answer.moment.isoformat(),
            "winner": answer.event.brackets[answer.event.winner].ticker,
            "filled": answer.filled,
            "probabilities": list(answer.probabilities),
            "scores": {name: getattr(answer.scores, name) for name in SCORES},
            "against": None if other is None else {name: getattr(other.scores, name) for name in SCORES},
        }


def _bucket(one: Bucket) -> dict[str, object]:
    return {"above": one.low, "to": one.high, "markets": one.markets, "mean": one.mean, "frequency": one.frequency}


def _band(one: Band) -> dict[str, object]:
    return {
        "above": _number(one.low),
        "to": _number(one.high),
        "takes": one.takes,
        "days": one.days,
        "claimed": one.claimed,
        "realised": one.realised,
        "interval": _interval(one.interval),
    }


def _interval(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
