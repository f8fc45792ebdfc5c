"""`milkbot halt`, `milkbot resume` and `milkbot cancel-all`: the operator's acts, typed on the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer

from milkbot.cli.actor import acting_user
from milkbot.cli.context import open_database, settings_of_host
from milkbot.control import orders, trading
from milkbot.control.record import Acting
from milkbot.settings import ACCOUNT_SETTINGS, LEDGER_SETTINGS, Settings

Reason = Annotated[str, typer.Option("--reason", help="Why; it is stored and shown.")]
Ids = Annotated[list[int] | None, typer.Option("--hold", help="End this hold only; may be given several times.")]


@contextmanager
def acting_here(settings: Settings, act: str) -> Iterator[Acting]:
    """An act of whoever is logged in, on the configured ledger; its sentences go to the terminal."""
    with open_database(settings, act) as engine:
        yield Acting(settings, engine, acting_user(), say=typer.echo, warn=partial(typer.echo, err=True))


def halt(reason: Reason) -> None:
    """Stop trading at once: ticks go on reconciling and cancelling, and send nothing until `milkbot resume`.

    Where the database does not answer, the kill file is written, which every tick obeys.
    """
    with acting_here(settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS), "halt") as acting:
        trading.halt(acting, reason)


def resume(reason: Reason, hold: Ids = None) -> None:
    """Take trading up again: end every hold that is in force, or those named with --hold. Each is shown.

    The reason is the operator's acknowledgement of them. What a breaker sets after that counts anew.
    """
    with acting_here(settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS), "resume") as acting:
        trading.resume(acting, reason, hold or ())


def cancel_all() -> None:
    """Cancel every resting order at the exchange, and say which ones could not be cancelled.

    Triggers the exchange-side order group too, where there is one: trading is halted then until `milkbot resume`.
    """
    with acting_here(settings_of_host("cli", quiet=True, needed=ACCOUNT_SETTINGS), "cancel-all") as acting:
        orders.cancel_all(acting)
