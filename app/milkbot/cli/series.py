"""`milkbot series`: what the exchange lists beside what cities.toml knows, and what of it is traded."""

from __future__ import annotations

from typing import Annotated

import typer

from milkbot.cli.context import settings_of_host
from milkbot.cli.tables import show
from milkbot.domain.clock import SystemClock
from milkbot.domain.listings import CATEGORY, compare
from milkbot.domain.unread import Unread
from milkbot.errors import ExitCode
from milkbot.trader.clients import open_venue

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


def series(as_json: Json = False) -> None:
    """Show the daily temperatures that the exchange lists. Exit 1 if one that is traded is no longer among them."""
    settings = settings_of_host("cli", quiet=True, needed=frozenset({"kalshi_api_base"}))
    # The listing is public: it must be readable with a wrong key and a wrong clock too.
    public = settings.model_copy(update={"kalshi_api_key_id": None})
    with open_venue(public, SystemClock(), max_skew_seconds=None) as venue:
        unread: Unread = []
        found = compare(venue.listed_series(CATEGORY, unread=unread), settings.trading_series)
    for one in unread:
        typer.echo(f"milkbot: warning: series {one.subject} of the exchange is not understood: {one.reason}", err=True)
    rows = [(row.ticker, row.standing, row.city, row.extreme, row.detail) for row in found]
    show("Daily temperatures", ("series", "standing", "city", "extreme", "detail"), rows, as_json=as_json)
    if any(row.is_missed for row in found):
        raise typer.Exit(ExitCode.FAILED)
