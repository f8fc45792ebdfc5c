"""`milkbot skill`: what the stored forecasts were worth next to the market, and what that says of each forecaster."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from milkbot.analytics.service.skill_queries import read_skill
from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import Cell, show
from milkbot.settings import LEDGER_SETTINGS

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program, with log score and RPS.")]
Days = Annotated[int, typer.Option(min=1, max=400, help="How many climate days back.")]

_COLUMNS = (
    "forecaster",
    "lead",
    "events",
    "days",
    "Brier",
    "market",
    "difference",
    "standing",
    "version",
    "parameters",
)


def skill(days: Days = 90, as_json: Json = False) -> None:
    """Show the mean scores of each forecaster, live or in shadow, next to the market's at the same moments.

    Lower is better. `standing` is of all scored days of exactly that version and parameters, not of these days alone.
    """
    settings = settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS)
    with open_database(settings, "skill") as engine:
        found = read_skill(engine, days, settings.trading_mode)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    rows: list[tuple[Cell, ...]] = [
        (
            one.forecaster,
            one.lead,
            one.events,
            one.days,
            _four(one.brier),
            _four(one.market_brier),
            _four(one.brier_difference),
            one.standing,
            one.version,
            one.parameters_hash,
        )
        for one in found.forecasters
    ]
    title = f"Skill of the last {days} days, {settings.trading_mode}"
    show(title, _COLUMNS, rows, as_json=False, below=("parameters", "version"))


def _four(value: float) -> Decimal:
    return Decimal(f"{value:.4f}")
