"""What a forecaster's answer is held to: it must be a distribution over the event's brackets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

_ROUNDING: Final = 1e-12
"""A sum so near to one is one: dividing by it would only change last digits."""


class LateError(Exception):
    """It took too long; the message says how long it had."""


class FailedError(Exception):
    """It could not answer; the message says why."""


class NonsenseError(ValueError):
    """Its answer is no distribution; the message says why."""


def distribution(said: object, brackets: int, *, whole: bool = True) -> tuple[float, ...]:
    """What a forecaster answered, made to sum to one. Raises NonsenseError for what is no distribution.

    Brackets that are not the `whole` event may sum to less: what is missing belongs to a bracket that was not read.
    """
    chances = numbers(said, brackets)
    total = sum(chances)
    if not 0 < total < math.inf:
        raise NonsenseError(f"the probabilities sum to {total:g}")
    if abs(total - 1.0) < _ROUNDING or (total < 1.0 and not whole):
        return tuple(chances)
    return tuple(chance / total for chance in chances)


def numbers(said: object, brackets: int) -> list[float]:
    """The answer as finite floats that are not negative, one for each bracket. Raises NonsenseError."""
    if isinstance(said, (str, bytes, Mapping)) or not isinstance(said, Sequence):
        raise NonsenseError(f"the answer is of type {type(said).__name__}, expected a sequence of {brackets} numbers")
    if len(said) != brackets:
        raise NonsenseError(f"the answer has {len(said)} probabilities for {brackets} brackets")
    return [_number(one) for one in said]


def _number(one: object) -> float:
    try:
        found = float(one) if isinstance(one, (int, float)) else math.nan
    except OverflowError:
        found = math.inf
    if not math.isfinite(found) or found < 0:
        raise NonsenseError(f"the answer holds {str(one)[:50]}, expected finite numbers that are not negative")
    return found
