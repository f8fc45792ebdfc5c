"""Small plots as SVG: no script, nothing from elsewhere, colours by the page's style (light and dark)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 14, 10, 34
_ROW = 30
_CURVES = 180
_DOT = 4.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a plot of intervals: its name, the value with its interval, and a value to compare it with."""

    name: str
    value: float
    low: float
    high: float
    other: float | None = None


@dataclass(frozen=True, slots=True)
class Dot:
    """One bucket of a reliability plot: forecast, frequency, how many it stands for."""

    mean: float
    frequency: float
    count: int


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot of curves: its name, whose style it has (`ours` or `theirs`), and its points."""

    name: str
    kind: str
    points: Sequence[tuple[float, float]]


def curves(label: str, axis: str, lines: Sequence[Curve]) -> str:
    """Values over time. `axis` is the unit of the time. No line may be empty."""
    rows = [value for line in lines for _, value in line.points]
    columns = [at for line in lines for at, _ in line.points]
    ups, alongs = _ticks(min(rows), max(rows)), _ticks(min(columns), max(columns))
    foot = _TOP + _CURVES
    x, y = _scale(alongs[0], alongs[-1], _LEFT, _WIDTH - _RIGHT), _scale(ups[0], ups[-1], foot, _TOP)
    parts = [_tick(x(tick), foot, f"{tick:g}") for tick in alongs]
    for tick in ups:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="name" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}">{tick:,g}</text>')
    for line in lines:
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in line.points)
        parts.append(f'<g class="{line.kind}"><title>{escape(line.name)}</title><polyline points="{path}"/></g>')
    parts.append(_axis(axis, foot + _BOTTOM))
    return _svg(label, foot + _BOTTOM, parts)


def intervals(label: str, axis: str, rows: Sequence[Row]) -> str:
    """A value with its interval on each line, zero marked. `label` is what a screen reader says, `axis` the unit."""
    ends = [0.0, *(end for row in rows for end in (row.low, row.high, row.value, row.other) if end is not None)]
    ticks = _ticks(min(ends), max(ends))
    height = _TOP + _ROW * len(rows) + _BOTTOM
    at = _scale(ticks[0], ticks[-1], _LEFT, _WIDTH - _RIGHT)
    foot = height - _BOTTOM
    parts = [_tick(at(tick), foot, f"{tick:g}") for tick in ticks]
    parts.append(f'<line class="zero" x1="{at(0):.1f}" x2="{at(0):.1f}" y1="{_TOP}" y2="{foot}"/>')
    for number, row in enumerate(rows):
        y = _TOP + _ROW * (number + 0.5)
        said = f"{row.name}: {row.value:.4g}, from {row.low:.4g} to {row.high:.4g}"
        parts.append(f'<text class="name" x="{_LEFT - 8}" y="{y + 4:.1f}">{escape(row.name)}</text>')
        if row.other is not None:
            parts.append(f'<circle class="theirs" cx="{at(row.other):.1f}" cy="{y:.1f}" r="{_DOT}"/>')
        parts.append(
            f'<g class="ours"><title>{escape(said)}</title><line x1="{at(row.low):.1f}" x2="{at(row.high):.1f}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/><circle cx="{at(row.value):.1f}" cy="{y:.1f}" r="{_DOT}"/></g>'
        )
    parts.append(_axis(axis, height))
    return _svg(label, height, parts)


def reliability(label: str, ours: Sequence[Dot], theirs: Sequence[Dot]) -> str:
    """How often came true what was forecast. On the diagonal a forecast is reliable; a larger dot is more markets."""
    side = _WIDTH - _LEFT - _RIGHT
    height = _TOP + side + _BOTTOM
    x, y = _scale(0, 1, _LEFT, _WIDTH - _RIGHT), _scale(0, 1, _TOP + side, _TOP)
    parts = []
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(_tick(x(tick), height - _BOTTOM, f"{tick:g}"))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="name" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}">{tick:g}</text>')
    parts.append(f'<line class="zero" x1="{x(0):.1f}" y1="{y(0):.1f}" x2="{x(1):.1f}" y2="{y(1):.1f}"/>')
    most = max((dot.count for dot in (*ours, *theirs)), default=1)
    for kind, dots in (("theirs", theirs), ("ours", ours)):
        parts.extend(_dot(kind, dot, x(dot.mean), y(dot.frequency), most) for dot in dots)
    parts.append(_axis("forecast; upwards: came true", height))
    return _svg(label, height, parts)


def _dot(kind: str, dot: Dot, x: float, y: float, most: int) -> str:
    said = f"forecast {dot.mean:.3f}, came true {dot.frequency:.3f}, {dot.count} markets"
    radius = 2.5 + 6 * math.sqrt(dot.count / most)
    return f'<g class="{kind}"><title>{escape(said)}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/></g>'


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    width = (high - low) or 1.0
    return lambda value: start + (end - start) * (value - low) / width


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, four to seven of them, that hold both ends."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def _tick(x: float, foot: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{foot}"/>'
        f'<text class="tick" x="{x:.1f}" y="{foot + 14}">{text}</text>'
    )


def _axis(text: str, height: float) -> str:
    return f'<text class="tick" x="{(_LEFT + _WIDTH - _RIGHT) / 2:.1f}" y="{height - 4}">{escape(text)}</text>'


def _svg(label: str, height: float, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label, quote=True)}">'
    return f"{head}{''.join(parts)}</svg>"
