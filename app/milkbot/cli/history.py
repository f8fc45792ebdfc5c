"""`milkbot history` and `milkbot replay`: the real loop on the simulator's virtual clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.replay_report import show_replay
from milkbot.domain.modes import Exchange
from milkbot.errors import MilkbotError
from milkbot.history import operator
from milkbot.history.recorded_day import replayed_day
from milkbot.history.walk import Walk, walk
from milkbot.logging import configure_logging
from milkbot.settings import Settings
from milkbot.simulator.virtual_clock import SimulatorClock

Step = Annotated[int, typer.Option(min=1, max=24 * 60, help="Minutes of the virtual clock between ticks.")]
Data = Annotated[
    Path, typer.Argument(exists=True, file_okay=False, help="The recorder's directory, or a folder of quotes.")
]
Day = Annotated[datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="The climate day to trade through.")]
Days = Annotated[int, typer.Option(min=1, help="How many days of the recorder's, from --day on.")]
Name = Annotated[str | None, typer.Option("--forecaster", help="Trade by another forecaster than the default.")]
MinEdge = Annotated[str | None, typer.Option("--min-edge", help="Dollars a contract that a trade has to promise.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


def history(step_minutes: Step = 60) -> None:
    """Run the trading loop along the simulator's virtual clock until now, then let it run on the wall clock.

    What a breaker stopped is acknowledged each virtual morning, as an operator would, and at the end. Safe to repeat:
    it goes on where an earlier run was stopped, and does nothing once the clock is the wall's.
    """
    settings = settings_of_host("history", quiet=True)
    if settings.exchange is not Exchange.SIMULATOR:
        raise MilkbotError(f"KALSHI_API_BASE is {settings.kalshi_api_base}; history is made at the simulator only")
    with closing(SimulatorClock.of_exchange(settings.kalshi_api_base)) as clock:
        if not clock.is_virtual():
            typer.echo("the simulator runs on the wall clock already; nothing to do")
            return
        with open_database(settings, "history") as engine, _progress() as progress:
            end_holds = partial(operator.end_holds, engine, settings.trading_mode)
            ticks = walk(settings, engine, clock, step_minutes, _shown_in(progress), end_holds)
            end_holds(clock.now(), last=True)
        _await_wall(clock)
        clock.set_wall()
    typer.echo(f"{ticks} ticks run; the simulator is on the wall clock now")


def replay(
    data: Data,
    day: Day,
    days: Days = 1,
    step_minutes: Step = 15,
    forecaster: Name = None,
    min_edge: MinEdge = None,
    as_json: Json = False,
) -> None:
    """Trade recorded days through: the simulator serves them, the loop trades them, on a database of its own.

    Prints decisions, orders, fills, settlement, scores and profit; the same day and step always give the same figures.
    """
    configure_logging(Settings(log_level="WARNING", log_format="console"), "replay")
    with (
        _progress() as progress,
        replayed_day(data, day.date(), step_minutes, _shown_in(progress), days, forecaster, min_edge) as ledger,
    ):
        show_replay(ledger, as_json=as_json)


def _await_wall(clock: SimulatorClock) -> None:
    """Waits for the rate limit may have carried the virtual clock past the wall's, and it never goes back."""
    ahead = clock.now() - datetime.now(UTC)
    time.sleep(max(0.0, ahead.total_seconds()))


def _shown_in(progress: Progress) -> Callable[[Walk], None]:
    task = progress.add_task("ticks", total=None)

    def moved(at: Walk) -> None:
        progress.update(task, description=f"{at.now:%Y-%m-%d %H:%M}Z", completed=at.done, total=at.total)

    return moved


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
