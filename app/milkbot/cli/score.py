"""`milkbot score`: what a forecaster was worth on recorded events, next to the market at the same moments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from milkbot.cli.score_tables import show_report
from milkbot.domain import forecasters
from milkbot.errors import MilkbotError
from milkbot.forecast.forecaster import Forecaster, UnknownForecasterError, load
from milkbot.score import load as recorded
from milkbot.score import moments, yardsticks
from milkbot.score.page import page
from milkbot.score.report import as_json, measure

Data = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder of the recorded data.")]
Name = Annotated[str, typer.Option("--forecast", help="An installed forecaster, or a yardstick such as listing-2.5.")]
At = Annotated[str, typer.Option("--at", help="Decision times of the city's clock: prevHH, dayHH, with commas.")]
Against = Annotated[str, typer.Option("--against", help="What it is compared with; mid is the market.")]
Only = Annotated[str | None, typer.Option("--set", help="Only this kind of data: recorder, tape, quotes or charts.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program, with each event.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write a report with plots to this file.")]

MARKET = yardsticks.MID.name


def score(
    data: Data,
    forecast: Name,
    at: At = "prev18,day10",
    against: Against = MARKET,
    only: Only = None,
    as_json_: Json = False,
    html: Html = None,
) -> None:
    """Score a forecaster on recorded events by Brier, log score and RPS, and compare it with the market's mid.

    It measures and does not judge: the exit code is 0 whatever the scores are.
    """
    ours, theirs = named(forecast, "--forecast"), named(against, "--against")
    times = [moments.parse(name) for name in dict.fromkeys(part.strip() for part in at.split(","))]
    report = measure(str(data), recorded.load(data, only), ours, theirs, times)
    if html is not None:
        try:
            html.write_text(page(report), "utf-8")
        except OSError as error:
            raise MilkbotError(f"--html {html} cannot be written: {error.strerror}; name a file that can") from error
    if as_json_:
        typer.echo(json.dumps(as_json(report), indent=2, allow_nan=False))
    else:
        show_report(report)
        if html is not None:
            typer.echo(f"The report is in {html}.")


def named(name: str, option: str) -> Forecaster:
    """An installed forecaster, or else a yardstick, of that name. Raises MilkbotError that lists both."""
    yardstick = yardsticks.find(name)
    if yardstick is not None and name not in forecasters.installed():
        return yardstick
    try:
        return load(name)
    except UnknownForecasterError as error:
        raise MilkbotError(f"{option}: {error}; yardsticks are {', '.join(yardsticks.NAMES)}") from error
