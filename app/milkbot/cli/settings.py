"""`milkbot settings check`: whether this release takes a file of settings, before the file replaces the one in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from milkbot.load_settings import load_settings, warnings

EnvFile = Annotated[Path, typer.Option("--env-file", help="The file; - is standard input.")]

settings = typer.Typer(help="The settings of this host.")
settings.callback()(lambda: None)


@settings.command()
def check(env_file: EnvFile) -> None:
    """Name everything that is wrong with a file of settings, whatever the environment holds. Exit 78 if anything is."""
    taken = load_settings({}, env_file)
    for warning in warnings(taken):
        typer.echo(f"milkbot: warning: {warning}", err=True)
    typer.echo(f"the settings are valid: mode {taken.trading_mode}, {taken.exchange} exchange")
