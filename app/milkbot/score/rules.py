"""The scores of one answer to one event, by `scoringrules`. Lower is better in all of them.

- `bin`: (p - y)^2 of each market, averaged over the markets; p as it was answered.
- `event`: the sum over the event's brackets of (q - y)^2, 0 to 2; q is p with a floor, divided by its sum.
- `log`: -ln q of the bracket that won, in nats.
- `rps`: the sum over the brackets from cold to warm of (cumulated q - cumulated y)^2, divided by the brackets but one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milkbot.domain.chances import to_one

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCORES: Final = ("bin", "event", "log", "rps")


@dataclass(frozen=True, slots=True)
class EventScores:
    """The scores of one event. `bin` is the mean of its `markets`."""

    markets: int
    bin: float
    event: float
    log: float
    rps: float


def score(answers: Sequence[Sequence[float]], winners: Sequence[int]) -> list[EventScores]:
    """The scores of each answer, brackets from cold to warm; `winners` are the numbers of those that won."""
    found: list[EventScores | None] = [None] * len(answers)
    for brackets in {len(answer) for answer in answers}:
        chosen = [number for number, answer in enumerate(answers) if len(answer) == brackets]
        scored = _score([answers[number] for number in chosen], [winners[number] for number in chosen])
        for number, one in zip(chosen, scored, strict=True):
            found[number] = one
    return [one for one in found if one is not None]


def _score(answers: Sequence[Sequence[float]], winners: Sequence[int]) -> list[EventScores]:
    """Of events with the same number of brackets."""
    import numpy as np  # noqa: PLC0415 - only who scores pays for these imports
    import scoringrules  # noqa: PLC0415

    p = np.array(answers, dtype=float)
    q = np.array([to_one(answer) for answer in answers])
    count = p.shape[1]
    y = np.eye(count)[list(winners)]
    q_won = q[np.arange(len(q)), list(winners)]
    bins: NDArray[np.float64] = scoringrules.brier_score(y, p).mean(axis=1)
    events: NDArray[np.float64] = scoringrules.brier_score(y, q).sum(axis=1)
    logs: NDArray[np.float64] = scoringrules.log_score(np.ones(len(q)), q_won)
    rps: NDArray[np.float64] = scoringrules.rps_score(y, q, onehot=True) / max(count - 1, 1)
    columns = (column.tolist() for column in (bins, events, logs, rps))
    return [EventScores(count, *row) for row in zip(*columns, strict=True)]
