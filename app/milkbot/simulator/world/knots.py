"""A figure that is known at some points, and linear between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


class Knots:
    """A piecewise linear function through (x, y), constant beyond both ends. `xs` rise."""

    __slots__ = ("_xs", "_ys")

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        if len(xs) != len(ys) or list(xs) != sorted(set(xs)):
            raise ValueError(f"expected as many values as rising points, got {len(ys)} and {len(xs)}")
        self._xs = tuple(xs)
        self._ys = tuple(ys)

    def __call__(self, x: float) -> float:
        """The value at x."""
        right = bisect_right(self._xs, x)
        if right == 0:
            return self._ys[0]
        if right == len(self._xs):
            return self._ys[-1]
        x0, x1 = self._xs[right - 1 : right + 1]
        y0, y1 = self._ys[right - 1 : right + 1]
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
