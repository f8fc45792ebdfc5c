"""Points to the paths of an SVG. Pure; labels are the page's, because text in a drawing that is scaled is scaled too.

A drawing is 1000 wide and as high as its caller says. Labels stand at even distances, so the page needs no positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WIDTH = 1000
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Line:
    """The path of a line, that of the area below it, the height of its beginning, and the axes' labels.

    `ticks` are from the top to the bottom, `days` from left to right, both at even distances over the whole drawing.
    """

    line: str
    area: str
    start_y: float
    ticks: tuple[float, ...]
    days: tuple[date, ...]


def nice_ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """At most so many round numbers at even distances, whose first and last enclose both values; lowest first."""
    spread = max(high - low, abs(high) * 0.01, 1.0)
    scale = 10 ** math.floor(math.log10(spread / (most - 1)))
    # The next power of ten encloses anything.
    for step in (factor * power for power in (scale, scale * 10) for factor in _STEPS):
        first = math.floor(low / step)
        last = max(math.ceil(high / step), first + 1)
        if last - first < most:
            return tuple(number * step for number in range(first, last + 1))
    raise AssertionError(f"no ticks for {low} to {high}")


def line_chart(points: Sequence[tuple[date, float]], start: float, height: int = 300) -> Line:
    """A value by day, beginning with `start` the day before the first. `points` is not empty, oldest first."""
    first = points[0][0] - timedelta(days=1)
    last = points[-1][0]
    values = [start, *(value for _, value in points)]
    ticks = nice_ticks(min(values), max(values))
    low, high = ticks[0], ticks[-1]
    days = (last - first).days

    def y(value: float) -> float:
        return round(height * (high - value) / (high - low), 1)

    places = [(0.0, y(start))]
    places += [(round(WIDTH * (day - first).days / days, 1), y(value)) for day, value in points]
    line = "M" + "L".join(f"{across:g} {down:g}" for across, down in places)
    marks = min(days, 4)
    return Line(
        line=line,
        area=f"{line}L{WIDTH} {height}L0 {height}Z",
        start_y=y(start),
        ticks=tuple(reversed(ticks)),
        # Whole days only, so that each label stands where its day is.
        days=tuple(first + timedelta(days=round(days * mark / marks)) for mark in range(marks + 1)),
    )


@dataclass(frozen=True, slots=True)
class Shares:
    """The path of a line through points of a square from 0 to 1 both ways, and that of the points alone."""

    line: str
    dots: str


def share_chart(points: Sequence[tuple[float, float]], height: int) -> Shares:
    """Points from left to right, zero at the bottom left. A dot is a line without length: its round end is drawn."""
    places = [f"{WIDTH * across:.4g} {height * (1 - up):.4g}" for across, up in points]
    return Shares("M" + "L".join(places) if places else "", "".join(f"M{place}h0" for place in places))
