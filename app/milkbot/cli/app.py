"""All commands. Each is loaded when it is called, so that the tick of each minute does not load the others."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

import typer

# Name of the command, and where its function is. A Typer instance is a group of commands.
COMMANDS = {
    "tick": "milkbot.cli.tick:tick",
    "rollups": "milkbot.cli.database:rollups",
    "doctor": "milkbot.cli.doctor:doctor",
    "state": "milkbot.cli.state:state",
    "orders": "milkbot.cli.orders:orders",
    "positions": "milkbot.cli.ledger:positions",
    "pnl": "milkbot.cli.ledger:pnl",
    "reconcile": "milkbot.cli.reconcile:reconcile",
    "audit": "milkbot.cli.audit:audit",
    "invariants": "milkbot.cli.audit:ask_invariants",
    "halt": "milkbot.cli.control:halt",
    "resume": "milkbot.cli.control:resume",
    "cancel-all": "milkbot.cli.control:cancel_all",
    "arm-live": "milkbot.cli.arming:arm_live",
    "series": "milkbot.cli.series:series",
    "score": "milkbot.cli.score:score",
    "skill": "milkbot.cli.skill:skill",
    "forecaster": "milkbot.cli.forecaster:forecaster",
    "terms": "milkbot.cli.terms:terms",
    "operator": "milkbot.cli.operator:operator",
    "simulate": "milkbot.simulator.cli:simulate",
    "history": "milkbot.cli.history:history",
    "replay": "milkbot.cli.history:replay",
    "record": "milkbot.cli.record:record",
    "settings": "milkbot.cli.settings:settings",
    "release": "milkbot.cli.release:release",
    "db": "milkbot.cli.database:db",
}


def application(asked: str | None) -> typer.Typer:
    """The command line with the command that is asked for, or with all of them when it is not one of them."""
    app = typer.Typer(
        help="Trade Kalshi's daily-temperature markets, and check the ledger.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # With a callback of its own it remains a group, even with a single command.
    app.callback()(lambda: None)
    for name in _loaded(asked):
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _loaded(asked: str | None) -> Iterable[str]:
    return (asked,) if asked in COMMANDS else COMMANDS
