"""`milkbot operator add`, `list`, `revoke`: who may reach the operator's page on the web, and what lets them in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from milkbot.cli.context import log_as, needed_of_host
from milkbot.cli.serving import Socket, serve_over_socket
from milkbot.cli.tables import show
from milkbot.errors import MilkbotError
from milkbot.operate.keys import NAME, Keys
from milkbot.operate.login import Login

_FILE = "passkeys.sqlite"
Operator = Annotated[str, typer.Argument(metavar="NAME", help="The operator: the name in the record of acts.")]
Origin = Annotated[str, typer.Option(envvar="MILKBOT_OPERATE_ORIGIN", help="The page's address.")]
State = Annotated[str, typer.Option(envvar="MILKBOT_OPERATE_STATE", help="The login service's own directory.")]
Page = Annotated[Path, typer.Option(help="The socket of the operator's page.", readable=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def login(origin: Origin, state: State, page: Page, socket: Socket = None) -> None:
    """Let in by a passkey, and forward to the operator's page. It reads no ledger, and can ask for nothing itself."""
    settings, _ = needed_of_host(frozenset())
    log_as(settings, "operator-login")
    serve_over_socket(Login(_keys(state), origin, page).application(), socket)


def add(name: Operator, origin: Origin = "", state: State = "") -> None:
    """Print a link that enrols one passkey of that operator: once, within ten minutes."""
    if not NAME.fullmatch(name):
        raise MilkbotError(f"NAME is {name!r}; give up to 32 letters, digits, dots, dashes and underscores, as alice")
    link = _keys(state).new_link(name)
    typer.echo(f"On the device that {name} will log in with, open this within ten minutes. It works once:\n")
    typer.echo(f"  {origin}/enrol#{link}")


def list_operators(state: State = "", as_json: Json = False) -> None:
    """Every passkey, with its last use and its sessions."""
    columns = ("operator", "key", "enrolled", "last used", "sessions")
    rows = [
        (key.name, key.id.hex()[:12], _moment(key.enrolled_at), _moment(key.used_at), sessions)
        for key, sessions in _keys(state).everyone()
    ]
    show("Passkeys of the operator's page", columns, rows, as_json=as_json)


def revoke(name: Operator, state: State = "") -> None:
    """Remove all passkeys and links of that operator, and end his sessions at once."""
    keys = _keys(state)
    if not keys.revoke(name):
        known = ", ".join(sorted({key.name for key, _ in keys.everyone()})) or "nobody"
        raise MilkbotError(f"NAME is {name!r}, who has no passkey and no link; enrolled: {known}")
    typer.echo(f"{name} has no passkey any more, and is logged out")


def _keys(state: str) -> Keys:
    if not state:
        raise MilkbotError(
            "there are no passkeys here: the operator's page is not on the web; set milkbot_operator_web_enabled: true "
            "in the inventory, then run site.yml (docs/operator-page.md)"
        )
    return Keys(Path(state) / _FILE)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
