"""Curves are drawn to one scale: what is higher stands higher, what is later stands further right."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from milkbot.score.plots import Curve, curves

LOSS = Curve("loses & pays", "theirs", [(0, 1000), (15, 700), (30, 480)])
FLAT = Curve("flat", "ours", [(0, 1000), (30, 1000)])


def drawn(*lines: Curve) -> dict[str, list[tuple[float, float]]]:
    """The points of each line, by its name, as a browser would place them."""
    found = {}
    for group in ET.fromstring(curves("Equity", "days", lines)).iter("g"):
        title, line = group.find("title"), group.find("polyline")
        assert title is not None
        assert line is not None
        pairs = (pair.split(",") for pair in str(line.get("points")).split())
        found[str(title.text)] = [(float(x), float(y)) for x, y in pairs]
    return found


def test_curves_share_one_scale_and_a_loss_goes_down() -> None:
    both = drawn(LOSS, FLAT)
    loss, flat = both["loses & pays"], both["flat"]
    assert loss[0] == flat[0]
    assert [x for x, _ in loss] == sorted(x for x, _ in loss)
    assert loss[-1][0] == flat[-1][0]
    assert loss[0][1] < loss[1][1] < loss[2][1]
    assert flat[0][1] == flat[1][1]


def test_every_point_lies_within_the_plot_and_the_ends_of_the_axes_are_named() -> None:
    text = curves("Equity", "days", [LOSS, FLAT])
    found = re.search(r'viewBox="0 0 (\S+) (\S+)"', text)
    assert found
    width, height = float(found[1]), float(found[2])
    assert all(0 < x < width and 0 < y < height for line in drawn(LOSS, FLAT).values() for x, y in line)
    for tick in (">0<", ">30<", ">1,000<", ">400<"):
        assert tick in text


def test_a_single_flat_line_is_drawn_too() -> None:
    ((start, end),) = drawn(FLAT).values()
    assert start[0] < end[0]
    assert start[1] == end[1]
