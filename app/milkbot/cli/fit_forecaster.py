"""`milkbot forecaster fit`: the parameters of the forecaster that begins at the market, and what it was worth."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from milkbot.cli.tables import show
from milkbot.domain.clock import SystemClock
from milkbot.errors import MilkbotError
from milkbot.forecast.forecaster import Forecaster
from milkbot.forecast.normal import Normal
from milkbot.score import fit as fitting
from milkbot.score import moments, yardsticks
from milkbot.score.edges import Take, bands, takes
from milkbot.score.evaluate import evaluate
from milkbot.score.load import load
from milkbot.score.samples import STARTS
from milkbot.score.skill import SHOWN, Margin, Skill, compare

AT = "prev18,prev22,day02,day07,day10,day13,day16,day19"
Data = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder of the recorded data.")]
Out = Annotated[Path | None, typer.Option("--out", dir_okay=False, help="Write the parameters to this file.")]
At = Annotated[str, typer.Option("--at", help="Decision times of the table: prevHH, dayHH, with commas.")]
Kind = Annotated[str, typer.Option("--set", help="The kind of data to fit to: tape, quotes or charts.")]


def fit(data: Data, out: Out = None, at: At = AT, kind: Kind = "tape") -> None:
    """Fit `anchored` to recorded events, walk-forward, and show what it was worth on days that it was not fitted to."""
    times = [moments.parse(name) for name in at.split(",")]
    (recording,) = load(data, kind)
    fitted = fitting.fit(recording)
    skills = list(compare(recording, _rivals(fitted), times))
    _show_stretches(fitted)
    _show_skills(recording.title, skills)
    _show_edges([take for time in times for take in takes(recording, evaluate(recording, fitted.walk, time))])
    if out is None:
        return
    walked = [one.plain() for one in skills if one.forecaster == fitted.walk.name]
    parameters = fitted.parameters(SystemClock().now().date(), walked)
    try:
        out.write_text(json.dumps(parameters, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise MilkbotError(f"--out {out} cannot be written: {error.strerror}; name a file that can be") from error
    typer.echo(f"The parameters are in {out}.")


def _rivals(fitted: fitting.Fit) -> list[Forecaster]:
    persistence = yardsticks.find("persistence")
    return [one for one in (fitted.walk, Normal(), persistence) if one is not None]


def _show_stretches(fitted: fitting.Fit) -> None:
    rows = [
        (
            f"{start:g}",
            f"{one.pool.exponent:.3f}",
            f"{one.pool.weight:.3f}",
            f"{one.mixed.weight:.3f}",
            f"{one.paid.gain:+.4f}",
            "" if one.paid.low is None else f"{one.paid.low:+.4f}",
            one.events,
            one.days,
        )
        for start, one in zip(STARTS, fitted.stretches, strict=True)
    ]
    columns = ("hours left", "exponent", "weight", "fitted", "gain", "at least", "events", "days")
    title = (
        "Pool by hours before the end of the day. Fitted: the weather's weight; gain: what it was worth in log score"
    )
    show(title, columns, rows, as_json=False)


def _show_skills(title: str, skills: Sequence[Skill]) -> None:
    for name, called in SHOWN.items():
        typer.echo("")
        rows = [(one.at.name, one.forecaster, one.events, one.days, *_cells(one.margins[name])) for one in skills]
        columns = ("at", "forecaster", "events", "days", "score", "less mid", "95 % interval", "most (90 %)")
        show(f"{called}, {title}; each day by parameters of earlier days", columns, rows, as_json=False)
    reasons: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in skills:
        for reason, count in one.without.items():
            # What follows a colon are the numbers of one event.
            reasons[one.forecaster, reason.split(":")[0]][one.at.name] += count
    typer.echo("")
    listed = [(*key, ", ".join(f"{at} {count}" for at, count in counts.items())) for key, counts in reasons.items()]
    show("Events without a forecast", ("forecaster", "reason", "events"), listed, as_json=False)


def _show_edges(found: Sequence[Take]) -> None:
    """What a taker by the walk-forward forecasts would have claimed and gained, over all of the decision times."""
    typer.echo("")
    rows = [
        (
            f"{100 * one.low:g} to {100 * one.high:g}" if one.high < 1 else f"over {100 * one.low:g}",
            one.takes,
            one.days,
            f"{100 * one.claimed:+.1f}",
            f"{100 * one.realised:+.1f}",
            "" if one.interval is None else f"{100 * one.interval.low:+.1f} {100 * one.interval.high:+.1f}",
        )
        for one in bands(found)
        if one.low >= 0
    ]
    title = "Taken at the recorded prices, cents a contract after the fee, by claimed edge"
    show(title, ("claimed", "contracts", "days", "mean claim", "gained", "95 % interval"), rows, as_json=False)


def _cells(margin: Margin) -> tuple[str, str, str, str]:
    if margin.interval is None or margin.most is None:
        return "", "", "", ""
    bounds = f"{margin.interval.low:+.4f} {margin.interval.high:+.4f}"
    return f"{margin.score:.4f}", f"{margin.less_market:+.4f}", bounds, f"{margin.most:+.4f}"
