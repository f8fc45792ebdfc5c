"""`milkbot audit` and `milkbot invariants`: is the ledger unchanged, and consistent?"""

from __future__ import annotations

from typing import Annotated

import typer

from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import show
from milkbot.db import order_events
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.errors import ExitCode
from milkbot.trader.invariants import catalogue, events
from milkbot.trader.invariants.context import QueryContext

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


def audit(as_json: Json = False) -> None:
    """Verify the chain of all order events, and that each order matches its events. Exit 1 if not.

    Shows how far the chain holds, with its last hash: written down elsewhere, it proves later that nothing before it
    was changed. Names the first event that does not fit, and each order.
    """
    settings = settings_of_host("cli", quiet=True)
    context = QueryContext(settings, SystemClock().now(), thorough=True)
    with open_database(settings, "audit") as engine, transaction(engine) as session:
        link, broken = events.verified(session, settings.trading_mode, order_events.START)
        problems = [broken] if broken else []
        problems += [one for one in events.chain_is_whole(session, context) if one not in problems]
        problems += events.state_is_its_events(session, context)
    rows: list[tuple[str, str, str]] = [("chain", "fail" if broken else "ok", f"{link.seq} events, {link.hash.hex()}")]
    rows += [("problem", "fail", problem) for problem in problems]
    show(f"Audit, {settings.trading_mode}", ("check", "verdict", "detail"), rows, as_json=as_json)
    if problems:
        raise typer.Exit(ExitCode.FAILED)


def ask_invariants(as_json: Json = False) -> None:
    """Check every invariant of the ledger, on all of its history. Exit 1 if one is broken."""
    settings = settings_of_host("cli", quiet=True)
    context = QueryContext(settings, SystemClock().now(), thorough=True)
    with open_database(settings, "invariants") as engine, transaction(engine) as session:
        answers = catalogue.check(session, context)
    rows = [
        (
            answer.invariant.name,
            "fail" if answer.problems else "ok",
            answer.invariant.effect,
            "; ".join(answer.problems) or answer.invariant.sentence,
        )
        for answer in answers
    ]
    show(f"Invariants, {settings.trading_mode}", ("name", "verdict", "effect", "detail"), rows, as_json=as_json)
    if any(answer.problems for answer in answers):
        raise typer.Exit(ExitCode.FAILED)
