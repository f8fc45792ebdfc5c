"""All commands, in one place."""

from __future__ import annotations

import typer

from milkbot.cli import books, control, database, doctor, history, tick
from milkbot.simulator.cli import simulate

app = typer.Typer(
    help="Trade Kalshi's daily-temperature markets, and look after the books.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("tick")(tick.tick)
app.command("rollups")(database.rollups)
app.command("doctor")(doctor.doctor)
app.command("orders")(books.orders)
app.command("positions")(books.positions)
app.command("halt")(control.halt)
app.command("resume")(control.resume)
app.command("cancel-all")(control.cancel_all)
app.command("arm-live")(control.arm_live)
app.command("simulate")(simulate)
app.command("history")(history.history)
app.command("replay")(history.replay)
app.command("release")(database.release)
app.add_typer(database.db, name="db")
