"""The tables of `milkbot score`: within 80 columns, from the values that its JSON and its page have too."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import typer

from milkbot.cli.tables import Cell, show
from milkbot.score.bootstrap import Interval
from milkbot.score.evaluate import Difference
from milkbot.score.reliability import Bucket
from milkbot.score.report import Found, Moment, Report, band_name, reading
from milkbot.score.rules import SCORES

Table = tuple[str, Sequence[str], list[list[Cell]]]
"""Title, columns, rows."""

_MOST_REASONS = 5


def show_report(report: Report) -> None:
    """Print every recording: scores, differences, cities, reliability and edges."""
    for found in report.found:
        events = found.recording.events
        typer.echo(f"{found.recording.name}: {found.recording.title}")
        typer.echo(
            f"{len(events)} events of {len({one.day for one in events})} days, {events[0].day} to {events[-1].day}\n"
        )
        for title, columns, rows in _tables(report, found):
            if rows:
                show(title, columns, rows, as_json=False)
                typer.echo()
    typer.echo("Lower scores are better. Intervals: 95 % of 2,000 bootstrap draws over days.")
    typer.echo("Edges: cents for one contract, after the taker's fee. See docs/forecast.md.")


def _tables(report: Report, found: Found) -> Iterator[Table]:
    ours, theirs = report.forecaster.name, report.against.name
    at, columns = "at", ("events", ours, theirs, "difference", "from", "to")
    yield "Scores", (at, "forecaster", "events", "days", "filled", *SCORES), _scores(found)
    title = f"Difference: {ours} less {theirs}, on the events that both answered"
    yield title, (at, "score", *columns, f"{ours} is"), list(_differences(found))
    yield f"By city: event score of {ours} less {theirs}", (at, "series", *columns), list(_cities(found))
    for one in found.moments:
        title = f"Reliability at {one.at.name}: {ours}, and next to it {theirs}; markets with a price"
        other = (f"{theirs} {name}" for name in ("markets", "mean", "true"))
        yield title, ("forecast", "markets", "mean", "came true", *other), _reliability(one)
    for one in found.moments:
        title = f"Edge at {one.at.name}: what a taker by {ours} would have claimed and gained, in cents"
        yield title, ("claimed", "contracts", "days", "mean claim", "gained", "from", "to"), _edges(one)
    yield f"Events without an answer of {ours}", (at, "events", "reason"), list(_without(found))


def _scores(found: Found) -> list[list[Cell]]:
    return [
        [
            one.at.name,
            side.forecaster,
            len(side.answers),
            side.days,
            side.filled,
            *(_four(side.mean(s)) for s in SCORES),
        ]
        for one in found.moments
        for side in (one.ours, one.theirs)
    ]


def _differences(found: Found) -> Iterator[list[Cell]]:
    for one in found.moments:
        for name in SCORES:
            yield [one.at.name, name, *_compared(one.difference, name), reading(one.difference.interval(name))]


def _cities(found: Found) -> Iterator[list[Cell]]:
    for one in found.moments:
        for series, difference in one.cities():
            yield [one.at.name, series, *_compared(difference, "event")]


def _compared(one: Difference, name: str) -> tuple[Cell, ...]:
    """Events, both means, and their difference with its interval."""
    means = (one.ours.mean(name), one.theirs.mean(name), one.mean(name))
    return (len(one.ours.answers), *map(_four, means), *_ends(one.interval(name), _four))


def _without(found: Found) -> Iterator[list[Cell]]:
    for one in found.moments:
        reasons = sorted(one.ours.without.items(), key=lambda item: -item[1])
        for reason, count in reasons[:_MOST_REASONS]:
            yield [one.at.name, count, reason]


def _reliability(moment: Moment) -> list[list[Cell]]:
    ours, theirs = ({one.high: one for one in side} for side in (moment.reliability, moment.their_reliability))
    return [
        [f"{(ours.get(end) or theirs[end]).low:g} to {end:g}", *_bucket(ours.get(end)), *_bucket(theirs.get(end))]
        for end in sorted({*ours, *theirs})
    ]


def _bucket(one: Bucket | None) -> tuple[Cell, ...]:
    return (None, None, None) if one is None else (one.markets, _four(one.mean), _four(one.frequency))


def _edges(moment: Moment) -> list[list[Cell]]:
    held = [*moment.edges, *((moment.all_edges,) if moment.all_edges else ())]
    return [
        [band_name(one), one.takes, one.days, _cents(one.claimed), _cents(one.realised), *_ends(one.interval, _cents)]
        for one in held
    ]


def _ends(interval: Interval | None, shown: Callable[[float], Cell]) -> tuple[Cell, Cell]:
    return (None, None) if interval is None else (shown(interval.low), shown(interval.high))


def _four(value: float) -> Cell:
    return None if math.isnan(value) else Decimal(f"{value:.4f}")


def _cents(value: float) -> Cell:
    return Decimal(f"{value * 100:.2f}")
