"""The explorer's chart as a Vega-Lite specification, made once for all visitors. Colours are the visitor's theme's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from milkbot.analytics.service.schemas import EquityPoint

MEASURES = {
    "Equity": ("equity", "$,.0f"),
    "Result by day": ("result", "+$,.0f"),
    "Below the high": ("drawdown", ".1%"),
}
"""What may be drawn: the field of the rows, and how its axis is written."""
_DAY = {
    "field": "date",
    "type": "temporal",
    "timeUnit": "utcyearmonthdate",
    "axis": {"title": None, "grid": False, "format": "%b %-d", "tickCount": 6},
}
_TOOLTIP = [
    {"field": "date", "type": "temporal", "timeUnit": "utcyearmonthdate", "title": "Day", "format": "%A, %d %B %Y"},
    {"field": "equity", "type": "quantitative", "title": "Equity", "format": "$,.2f"},
    {"field": "result", "type": "quantitative", "title": "Result", "format": "+$,.2f"},
    {"field": "drawdown", "type": "quantitative", "title": "Below the high", "format": ".1%"},
]


def curve(points: Sequence[EquityPoint], measure: str) -> dict[str, Any]:
    """A measure of the account by day. `points` is not empty, oldest first."""
    field, shape = MEASURES[measure]
    rows = [
        {
            "date": str(point.date),
            "equity": float(point.ending_equity),
            "result": float(point.daily_pnl),
            "drawdown": float(point.drawdown_pct) / 100,
        }
        for point in points
    ]
    y: dict[str, Any] = {
        "field": field,
        "type": "quantitative",
        "axis": {"title": None, "format": shape, "tickCount": 5},
    }
    mark: dict[str, Any] = {"type": "bar"}
    if field == "equity":
        start = points[0].starting_equity
        # What it began at is the end of the day before: with it one day is a line already.
        before = points[0].date - timedelta(days=1)
        rows.insert(0, {"date": str(before), "equity": float(start), "result": 0.0, "drawdown": 0.0})
        y["scale"] = {"zero": False}
        mark = {"type": "line", "strokeWidth": 2.4, "strokeJoin": "round"}
    hover = {"name": "hover", "select": {"type": "point", "fields": ["date"], "nearest": True, "on": "pointerover"}}
    # With each layer: what stands beside them, Streamlit would make into a table anew for every visitor.
    data = {"values": rows}
    dots = {
        "data": data,
        "mark": {"type": "point", "filled": True, "size": 70},
        "params": [hover | {"views": ["dots"]}],
        "name": "dots",
        "encoding": {
            "x": _DAY,
            "y": y,
            "opacity": {"condition": {"param": "hover", "empty": False, "value": 1}, "value": 0},
            "tooltip": _TOOLTIP,
        },
    }
    return {
        "height": 300,
        "config": {"view": {"strokeWidth": 0}},
        "layer": [{"data": data, "mark": mark, "encoding": {"x": _DAY, "y": y, "tooltip": _TOOLTIP}}, dots],
    }
