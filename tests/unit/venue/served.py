"""The exchange's client in front of a scripted server."""

from __future__ import annotations

from tests.fakes import Answer, FakeClock, ScriptedServer

from milkbot.http import Backoff
from milkbot.venue.client import KalshiClient

BASE = "https://exchange.test/trade-api/v2"
BACKOFF = Backoff(attempts=3, base_seconds=1.0, longest_seconds=1.5, jitter=lambda: 1.0)


def client(*answers: Answer) -> tuple[KalshiClient, ScriptedServer, FakeClock]:
    server, clock = ScriptedServer(*answers), FakeClock()
    return KalshiClient(BASE, None, clock, server.transport, BACKOFF), server, clock
