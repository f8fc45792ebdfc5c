"""The plot of growth: how long each thing takes, by the number of fills, both axes logarithmic, as an SVG file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 218, 46, 54
_COLOURS: Final = ("#d97706", "#2563eb", "#dc2626", "#059669")
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#374151}.title{font-size:16px;font-weight:600}.value{text-anchor:end}"
    ".fills{text-anchor:middle}.grid{stroke:#e5e7eb}.line{fill:none;stroke-width:2.5}"
)
_APART: Final = 18
"""Of the names at the right, so that none covers another."""


def draw(fills: Sequence[int], lines: Mapping[str, Sequence[float]]) -> str:
    """Those lines, in seconds, each with a value for each number of fills. Their names are at their right ends."""
    values = [seconds for line in lines.values() for seconds in line]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    first, last = math.log10(fills[0]), math.log10(fills[-1])

    def x(number: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (math.log10(number) - first) / (last - first)

    def y(seconds: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (math.log10(seconds) - low) / (high - low)

    parts = ['<text class="title" x="16" y="26">Rollups and API as the ledger grows</text>']
    for power in range(low, high + 1):
        at = y(10.0**power)
        parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="value" x="{_LEFT - 8}" y="{at + 4:.1f}">{_seconds(power)}</text>')
    for number in fills:
        parts.append(f'<path class="grid" d="M{x(number):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text class="fills" x="{x(number):.1f}" y="{_HEIGHT - _BOTTOM + 20}">{_short(number)}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="fills" x="{middle}" y="{_HEIGHT - 10}">fills in the ledger (both axes are logarithmic)</text>'
    )
    names = _spread({name: y(line[-1]) for name, line in lines.items()})
    for colour, (name, line) in zip(_COLOURS, lines.items(), strict=False):
        points = [f"{x(number):.1f},{y(seconds):.1f}" for number, seconds in zip(fills, line, strict=True)]
        parts.append(f'<polyline class="line" stroke="{colour}" points="{" ".join(points)}"/>')
        for point, seconds in zip(points, line, strict=True):
            at_x, at_y = point.split(",")
            parts.append(
                f'<circle cx="{at_x}" cy="{at_y}" r="4" fill="{colour}"><title>{seconds:.4g} s</title></circle>'
            )
        parts.append(
            f'<text x="{_WIDTH - _RIGHT + 12}" y="{names[name] + 4:.1f}" style="fill:{colour}">{escape(name)}</text>'
        )
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><style>{_STYLE}</style>'
    return f'{head}<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'


def _spread(wanted: Mapping[str, float]) -> dict[str, float]:
    """Heights from top to bottom that are near to the wanted ones, and far enough from each other."""
    found: dict[str, float] = {}
    for name, at in sorted(wanted.items(), key=lambda one: one[1]):
        found[name] = max(at, max(found.values(), default=-math.inf) + _APART)
    return found


def _seconds(power: int) -> str:
    return f"{10 ** (power + 3):,} ms" if power < 0 else f"{10**power:,} s"


def _short(number: int) -> str:
    power = round(math.log10(number))
    return f"{10 ** (power - 6)} million" if power >= 6 else f"{10**power:,}"
