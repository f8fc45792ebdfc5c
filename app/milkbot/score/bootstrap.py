"""Intervals of a mean by a block bootstrap over days: a day's events are not independent, and are drawn together.

2,000 draws of as many days as there are, days ascending, by numpy's default generator with seed 1. So the same data
always has the same interval. It covers what chance made of these days; it says nothing of another year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS: Final = 2_000
SEED: Final = 1
LEVEL: Final = 95.0


@dataclass(frozen=True, slots=True)
class Interval:
    """From the lower to the upper percentile of the bootstrap's means."""

    low: float
    high: float


def interval(
    days: Sequence[date], values: Sequence[float], weights: Sequence[float] | None = None, level: float = LEVEL
) -> Interval | None:
    """The central interval of that percentage for the (weighted) mean of the values; None without any value."""
    import numpy as np  # noqa: PLC0415 - only who scores pays for its import

    if not days:
        return None
    distinct = sorted(set(days))
    index = {day: number for number, day in enumerate(distinct)}
    of_day = np.fromiter((index[day] for day in days), np.int64, len(days))
    weight = np.ones(len(days)) if weights is None else np.asarray(weights, dtype=float)
    sums = np.bincount(of_day, np.asarray(values, dtype=float) * weight, len(distinct))
    counts = np.bincount(of_day, weight, len(distinct))
    drawn = _draws(len(distinct))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [50 - level / 2, 50 + level / 2]).tolist()
    return Interval(low, high)


@lru_cache(maxsize=8)
def _draws(days: int) -> NDArray[np.int64]:
    import numpy as np  # noqa: PLC0415 - as above

    return np.random.default_rng(SEED).integers(0, days, (DRAWS, days))
