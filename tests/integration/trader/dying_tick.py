"""A tick as a process that is killed at its first order: `python -m tests.integration.trader.dying_tick before|after`.

Before: the intent is committed and nothing was sent. After: the exchange has the order and nothing was recorded.
"""

from __future__ import annotations

import os
import signal
import sys

import httpx2
from tests.exchange import TRADER
from tests.integration.trader.stage import is_create

from milkbot.db.session import make_engine
from milkbot.load_settings import load_settings
from milkbot.simulator.virtual_clock import SimulatorClock
from milkbot.trader.clients import open_weather
from milkbot.trader.trading_loop import TradingLoop
from milkbot.venue.client import KalshiClient
from milkbot.venue.signing import load_credentials


class Deadly(httpx2.BaseTransport):
    """Kills its own process at the first order, before or after the order is on its way."""

    def __init__(self, *, after: bool) -> None:
        self._after = after
        self._real = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if is_create(request) and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        response = self._real.handle_request(request)
        if is_create(request):
            response.read()
            os.kill(os.getpid(), signal.SIGKILL)
        return response


def main() -> None:
    """Run the tick with the settings of the environment, on the simulator's clock."""
    settings = load_settings()
    if settings.kalshi_api_key_id is None or settings.kalshi_private_key_path is None:
        raise SystemExit("the tick that dies needs a key")
    credentials = load_credentials(settings.kalshi_api_key_id, settings.kalshi_private_key_path)
    clock = SimulatorClock.of_exchange(settings.kalshi_api_base)
    venue = KalshiClient(settings.kalshi_api_base, credentials, clock, Deadly(after=sys.argv[1] == "after"))
    engine = make_engine(settings.database, application=TRADER)
    with open_weather(settings, clock) as weather:
        TradingLoop(settings, engine, venue, weather, clock).run_once()


if __name__ == "__main__":
    main()
