"""A recorder and a live loop side by side at one simulated exchange."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from tests.exchange import Exchange, Keys
from tests.fakes import Unhurried
from tests.postgres import TestDatabase

from milkbot.recorder.run import Recorder
from milkbot.trader.clients import open_trading_loop
from milkbot.venue.transport import VenueSession
from milkbot.weather.client import WeatherClient

CASH = "992.10"
"""What a replay begins with."""

PLENTY = 10**12


def trade_and_record(
    exchange: Exchange, database: TestDatabase, root: Path, series: Sequence[str], step: timedelta, end: datetime
) -> None:
    """A tick each `step`, and a run of the recorder at the same moment before it."""
    settings = exchange.settings(database, BANKROLL=CASH, TRADING_SERIES=",".join(series))
    clock = Unhurried(exchange.now)
    venue = VenueSession(settings.kalshi_api_base, None, clock)
    weather = WeatherClient(settings.nws_api_base, settings.nws_user_agent, clock, 0)
    with (
        closing(venue),
        closing(weather),
        open_trading_loop(settings, database.engine("milkbot_trader"), exchange) as loop,
    ):
        recorder = Recorder(root, venue, weather, series, clock)
        while exchange.now() <= end:
            assert recorder.run(PLENTY).problems == []
            moment = exchange.now()
            loop.run_once()
            exchange.advance_to(max(moment + step, exchange.now()))


def poor(keys: Keys, directory: Path) -> Keys:
    """The same key, with the cash that a replay has."""
    accounts = json.loads(keys.accounts.read_text())
    path = directory / "accounts.json"
    path.write_text(json.dumps([{**account, "balance_dollars": CASH} for account in accounts]))
    return replace(keys, accounts=path)
