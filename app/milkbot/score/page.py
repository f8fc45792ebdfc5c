"""The report of `milkbot score` as one HTML file that needs nothing else: offline, on a phone, light or dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources

from milkbot.score.bootstrap import Interval
from milkbot.score.plots import Dot, Row, intervals, reliability
from milkbot.score.reliability import Bucket
from milkbot.score.report import Found, Moment, Report, band_name, reading
from milkbot.score.rules import SCORES

_STYLE = resources.files("milkbot.score").joinpath("page.css")
LEGEND = '<p class="legend"><span class="ours">{ours}</span> <span class="theirs">{theirs}</span></p>'


def page(report: Report) -> str:
    """The whole file."""
    ours, theirs = escape(report.forecaster.name), escape(report.against.name)
    sections = "".join(section for found in report.found for section in _sections(report, found))
    head = f"""<p>Forecaster {ours}, version {escape(report.forecaster.version)}, on the recorded data in
{escape(report.data)}. Lower scores are better. Every interval covers 95 % of 2,000 bootstrap draws over days.</p>
"""
    return document(f"{ours} next to {theirs}", head + sections)


def document(title: str, body: str) -> str:
    """A whole file with that heading and body, both HTML. It loads nothing: the policy in its head forbids it."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{_STYLE.read_text("utf-8")}</style></head><body><main>
<h1>{title}</h1>
{body}</main></body></html>
"""


def _sections(report: Report, found: Found) -> Iterator[str]:
    events, ours, theirs = found.recording.events, escape(report.forecaster.name), escape(report.against.name)
    legend = LEGEND.format(ours=ours, theirs=theirs)
    yield f"<h2>{escape(found.recording.name)}: {escape(found.recording.title)}</h2>"
    yield f"<p>{len(events)} events, {events[0].day} to {events[-1].day}.</p>"
    yield f"<ul>{''.join(f'<li>{line}</li>' for line in _sentences(found, ours, theirs))}</ul>"
    yield _scores(found)
    for name in ("event", "log"):
        yield figure(
            f"Difference of the {name} score by decision time",
            f"Left of zero {ours} is better than {theirs}.",
            intervals(
                f"Difference of the {name} score", f"{name} score, {ours} less {theirs}", list(_rows(found, name))
            ),
        )
    for moment in found.moments:
        at = escape(moment.at.name)
        yield figure(
            f"Reliability at {at}",
            "On the line, what was forecast came true as often as it said. Larger dots are more markets.",
            legend + reliability(f"Reliability at {at}", _dots(moment.reliability), _dots(moment.their_reliability)),
        )
        if moment.edges:
            yield figure(
                f"Edge at {at}: claimed and gained",
                "Cents for one contract after the taker's fee, by band of the claimed edge.",
                '<p class="legend"><span class="ours">gained</span> <span class="theirs">claimed</span></p>'
                + intervals(f"Claimed and gained edge at {at}", "cents a contract", list(_edges(moment))),
            )


def _sentences(found: Found, ours: str, theirs: str) -> Iterator[str]:
    for one in found.moments:
        at, both, interval = escape(one.at.name), one.difference, one.difference.interval("event")
        if interval is None:
            yield f"{at}: {ours} has no answer that can be compared."
            continue
        yield (
            f"{at}: event score {both.ours.mean('event'):.4f}, {theirs} {both.theirs.mean('event'):.4f} on "
            f"{len(both.ours.answers)} events. The difference is {both.mean('event'):+.4f}, from {interval.low:+.4f} "
            f"to {interval.high:+.4f}: {_words(interval)}."
        )


def _words(interval: Interval) -> str:
    return {
        "better": "better",
        "worse": "worse",
        "the same": "the very same",
        "not shown": "no difference is shown",
    }[reading(interval)]


def _scores(found: Found) -> str:
    rows = [
        [one.at.name, side.forecaster, len(side.answers), side.days, side.filled, *(side.mean(name) for name in SCORES)]
        for one in found.moments
        for side in (one.ours, one.theirs)
    ]
    return table(("at", "forecaster", "events", "days", "filled", *SCORES), rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as wide as it must be; numbers are on the right."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="number">{"" if math.isnan(value) else f"{value:.4f}"}</td>'
    kind = ' class="number"' if isinstance(value, int) else ""
    return f"<td{kind}>{escape(str(value))}</td>"


def figure(title: str, below: str, inner: str) -> str:
    """A plot with its heading and what to see in it, all HTML."""
    return f"<figure><h3>{title}</h3>{inner}<figcaption>{below}</figcaption></figure>"


def _rows(found: Found, name: str) -> Iterator[Row]:
    for moment in found.moments:
        interval = moment.difference.interval(name)
        if interval is not None:
            yield Row(moment.at.name, moment.difference.mean(name), interval.low, interval.high)


def _edges(moment: Moment) -> Iterator[Row]:
    for band in moment.edges:
        if band.interval is not None:
            low, high = band.interval.low * 100, band.interval.high * 100
            yield Row(band_name(band), band.realised * 100, low, high, band.claimed * 100)


def _dots(buckets: Sequence[Bucket]) -> list[Dot]:
    return [Dot(one.mean, one.frequency, one.markets) for one in buckets]
