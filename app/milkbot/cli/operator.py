"""`milkbot operator`: who may reach the operator's page on the web, and its processes, which systemd starts."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from milkbot.cli.context import log_as, needed_of_host, open_database, settings_of_host
from milkbot.cli.operator_keys import add, list_operators, login, revoke
from milkbot.cli.serving import Socket, serve_over_socket
from milkbot.control.perform import answered
from milkbot.control.record import Acting
from milkbot.control.requests import LONGEST, Answer, Request
from milkbot.errors import ConfigError
from milkbot.operate.asking import ask
from milkbot.operate.site import OperatorPage
from milkbot.settings import LEDGER_SETTINGS

Acts = Annotated[Path, typer.Option(help="The socket of the service that acts.")]
Health = Annotated[Path, typer.Option(help="The result of root's health check.")]
LoginUser = Annotated[
    str | None,
    typer.Option(envvar="MILKBOT_LOGIN_USER", help="The user of the login service, which alone may name who asks."),
]

operator = typer.Typer(help="Who may reach the operator's page on the web; and its processes, which systemd starts.")
operator.command()(add)
operator.command("list")(list_operators)
operator.command()(revoke)
operator.command()(login)


@operator.command()
def serve(acts: Acts, health: Health, socket: Socket = None, login_user: LoginUser = None) -> None:
    """Serve the page. It reads the ledger, and asks for acts over the socket; it holds no key."""
    # It has none of what only an act needs, and that is no fault here.
    settings, _ = needed_of_host(LEDGER_SETTINGS)
    log_as(settings, "operator")
    with open_database(settings, "operator", statement_seconds=5) as engine:
        page = OperatorPage(settings, engine, partial(ask, acts), health, login_user)
        serve_over_socket(page.application(), socket)


@operator.command()
def act() -> None:
    """Do the one act that standard input asks for as a line of JSON; the answer is a line on standard output.

    Exit 0 whatever became of the act: the answer says it.
    """
    typer.echo(_answer(sys.stdin.buffer.readline(LONGEST + 1)).model_dump_json())


def _answer(line: bytes) -> Answer:
    try:
        request = Request.model_validate_json(line)
    except ValidationError as error:
        return Answer(done=False, said=[f"nothing was done: this is no act: {error.error_count()} faults in it"])
    try:
        settings = settings_of_host("operator", quiet=True, needed=LEDGER_SETTINGS)
    except ConfigError as error:
        return Answer(done=False, said=[f"nothing was done: {problem}" for problem in error.problems])
    said: list[str] = []
    with open_database(settings, "operator act") as engine:
        acting = Acting(settings, engine, request.actor, say=said.append, warn=said.append)
        return answered(acting, said, request.wanted)
