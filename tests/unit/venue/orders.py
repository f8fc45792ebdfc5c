"""Orders to send, and a client with a key in front of a scripted server."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.fakes import NOON, Answer, FakeClock, ScriptedServer
from tests.unit.venue.served import BACKOFF, BASE

from milkbot.domain.orders import BookSide, OrderIntent, TimeInForce
from milkbot.domain.units import count, price
from milkbot.venue.client import KalshiClient
from milkbot.venue.signing import ApiCredentials

TICKER = "KXHIGHNY-26JUL19-B80.5"
KEY = ed25519.Ed25519PrivateKey.generate()


def intent(name: str = "mb-1", **changes: Any) -> OrderIntent:
    """A resting bid for two and a half contracts at 49 cents."""
    fields: dict[str, Any] = {
        "client_order_id": name,
        "ticker": TICKER,
        "side": BookSide.BID,
        "count": count("2.5"),
        "price": price("0.49"),
        "time_in_force": TimeInForce.GOOD_TILL_CANCELED,
        "exchange_index": 0,
        "created_at": NOON,
        **changes,
    }
    return OrderIntent(**fields)


def created(name: str = "mb-1", **changes: object) -> dict[str, object]:
    """The exchange's answer to it."""
    return {
        "order_id": f"order-of-{name}",
        "client_order_id": name,
        "fill_count": "0.00",
        "remaining_count": "2.50",
        "ts_ms": 1784336830522,
        **changes,
    }


def trader(*answers: Answer) -> tuple[KalshiClient, ScriptedServer, FakeClock]:
    """A client that may write."""
    server, clock = ScriptedServer(*answers), FakeClock()
    return KalshiClient(BASE, ApiCredentials("id", KEY), clock, server.transport, BACKOFF), server, clock
