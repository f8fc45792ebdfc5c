"""The equity curve as an Altair chart. Colours come from the theme that the visitor has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import altair as alt

from milkbot.analytics.service.schemas import EquityPoint

_DAY = alt.X("utcyearmonthdate(date):T", axis=alt.Axis(title=None, grid=False, format="%b %-d", tickCount=6))


def equity_chart(points: Sequence[EquityPoint]) -> alt.LayerChart:
    """The account by day, over the line that it began at. `points` is not empty, oldest first."""
    first = points[0]
    # What it began at is the end of the day before: with it one day is a line already.
    rows = [
        {
            "date": str(first.date - timedelta(days=1)),
            "equity": float(first.starting_equity),
            "result": 0.0,
            "drawdown": 0.0,
        }
    ]
    rows += [
        {
            "date": str(point.date),
            "equity": float(point.ending_equity),
            "result": float(point.daily_pnl),
            "drawdown": float(point.drawdown_pct) / 100,
        }
        for point in points
    ]
    values = [float(first.starting_equity), *(float(point.ending_equity) for point in points)]
    margin = max((max(values) - min(values)) * 0.12, 1.0)
    low, high = min(values) - margin, max(values) + margin
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=_DAY)
    scale = alt.Scale(domain=[low, high], zero=False, nice=False)
    equity = alt.Y("equity:Q", scale=scale, axis=alt.Axis(title=None, format="$,.0f", tickCount=5, gridOpacity=0.5))
    hover = alt.selection_point(fields=["date"], nearest=True, on="pointerover", empty=False, clear="pointerout")
    start = (
        alt.Chart(alt.InlineData(values=[{"start": values[0]}]))
        .mark_rule(strokeDash=[4, 4], opacity=0.45, color="gray")
        .encode(y="start:Q")
    )
    area = base.mark_area(opacity=0.14).encode(y=equity, y2=alt.datum(low))
    line = base.mark_line(strokeWidth=2.4, strokeJoin="round").encode(y=equity)
    dots = (
        base.mark_point(filled=True, size=70)
        .encode(
            y=equity,
            opacity=alt.condition(hover, alt.value(1), alt.value(0)),
            tooltip=[
                alt.Tooltip("utcyearmonthdate(date):T", title="Day", format="%A, %d %B %Y"),
                alt.Tooltip("equity:Q", title="Equity", format="$,.2f"),
                alt.Tooltip("result:Q", title="Result", format="+$,.2f"),
                alt.Tooltip("drawdown:Q", title="Below the high", format=".1%"),
            ],
        )
        .add_params(hover)
    )
    chart: alt.LayerChart = alt.layer(area, start, line, dots).properties(height=300).configure_view(strokeWidth=0)
    return chart
