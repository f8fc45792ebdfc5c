"""The rows of the table in docs/forecast.md, as the yardstick measures them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from milkbot.cli.score import named
from milkbot.score import yardsticks
from milkbot.score.edges import takes, total
from milkbot.score.evaluate import Difference, Evaluation, difference, evaluate
from milkbot.score.load import load
from milkbot.score.moments import parse
from milkbot.score.recording import Recording


@cache
def recorded(folder: Path, kind: str) -> Recording:
    """One kind of the recorded data, read once for all tests."""
    (found,) = load(folder, kind)
    return found


@cache
def evaluated(folder: Path, kind: str, name: str, at: str) -> Evaluation:
    """A forecaster or yardstick on one kind of the recorded data, once for all tests."""
    return evaluate(recorded(folder, kind), named(name, "--forecast"), parse(at))


def row(folder: Path, kind: str, at: str, name: str) -> list[str]:
    """What the document says of a forecaster at a decision time: the event score next to the mid's, and differences."""
    both = difference(evaluated(folder, kind, name, at), evaluated(folder, kind, yardsticks.MID.name, at))
    event = (both.ours.mean("event"), both.theirs.mean("event"))
    differences = (_difference(both, score) for score in ("event", "log"))
    return [kind, at, name, str(len(both.ours.answers)), *(f"{mean:.4f}" for mean in event), *differences]


def edge_row(folder: Path, kind: str, at: str, name: str) -> list[str]:
    """What the document says of all takes that claim anything, in cents a contract."""
    found = total(takes(recorded(folder, kind), evaluated(folder, kind, name, at)))
    assert found is not None
    assert found.interval is not None
    low, high = found.interval.low * 100, found.interval.high * 100
    gained = f"{found.realised * 100:+.1f} [{low:+.1f}, {high:+.1f}]"
    return [kind, at, name, f"{found.takes:,}", f"{found.claimed * 100:+.1f}", gained]


def _difference(both: Difference, score: str) -> str:
    found = both.interval(score)
    assert found is not None
    if found.low == found.high == 0:
        return "0 [0, 0]"
    return f"{both.mean(score):+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
