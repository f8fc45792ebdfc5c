"""A simulator in this process, asked over its HTTP surface as a signed client would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient

from milkbot.simulator.accounts import AccountEntry
from milkbot.simulator.core import FullWorld, Simulator
from milkbot.simulator.server import EXCHANGE_PREFIX, build_app
from milkbot.simulator.sim_clock import ClockMode
from milkbot.simulator.store import Store
from milkbot.simulator.world.simulated import SimulatedWorld
from milkbot.venue.signing import ApiCredentials, sign

START = datetime(2026, 10, 24, 16, 0, tzinfo=UTC)
SEED = 11
KEY_ID = "alice"


class Api:
    """GETs, POSTs and DELETEs of one account; `now` is the simulator's virtual clock."""

    def __init__(self, simulator: Simulator, client: TestClient, key: Ed25519PrivateKey) -> None:
        self.simulator = simulator
        self.http = client
        self.credentials = ApiCredentials(KEY_ID, key)

    @property
    def now(self) -> datetime:
        return self.simulator.clock.latest

    def headers(self, method: str, path: str, at: datetime | None = None) -> dict[str, str]:
        return sign(self.credentials, int((at or self.now).timestamp() * 1000), method, f"{EXCHANGE_PREFIX}{path}")

    def ask(self, method: str, path: str, *, signed: bool = True, **rest: Any) -> httpx2.Response:
        """A request of the exchange."""
        headers = self.headers(method, path) if signed else {}
        return self.http.request(method, f"{EXCHANGE_PREFIX}{path}", headers=headers, **rest)

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """A signed read that succeeds."""
        reply = self.ask("GET", path, params=params)
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    def order(self, **fields: Any) -> httpx2.Response:
        """A create; what is not said is a resting bid for one contract at a cent."""
        body = {
            "client_order_id": "id-1",
            "side": "bid",
            "count": "1.00",
            "price": "0.0100",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
            **fields,
        }
        return self.ask("POST", "/portfolio/events/orders", json=body)

    def tick(self, **span: float) -> None:
        """Let virtual time pass."""
        moment = self.now + timedelta(**span)
        reply = self.http.post("/simulator/clock", json={"mode": "virtual", "now": moment.isoformat()})
        assert reply.status_code == 200, reply.text

    def open_markets(self, series: str = "KXHIGHNY") -> list[dict[str, Any]]:
        """The markets of a series' open events."""
        body = self.get("/events", series_ticker=series, status="open", with_nested_markets="true")
        return [market for event in body["events"] for market in event["markets"]]

    def liquid_market(self) -> dict[str, Any]:
        """A market with quotes on both sides, far from the ends."""
        return next(
            market
            for market in self.open_markets()
            if float(market["yes_bid_dollars"]) > 0.1 and float(market["yes_ask_dollars"]) < 0.9
        )


@contextmanager
def served(
    directory: Path, world: FullWorld | None = None, start: datetime = START, key: Ed25519PrivateKey | None = None
) -> Iterator[Api]:
    """A simulator on its virtual clock with one account of 1000 dollars."""
    key = key or Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    simulator = Simulator.open(Store(directory), world or SimulatedWorld(SEED), SEED, start, ClockMode.VIRTUAL)
    try:
        simulator.enroll([AccountEntry.model_validate(account_row(pem.decode()))])
        with TestClient(build_app(simulator), client=("127.0.0.1", 50000)) as client:
            yield Api(simulator, client, key)
    finally:
        simulator.close()


def account_row(pem: str) -> dict[str, str]:
    """A row of the accounts file."""
    return {"key_id": KEY_ID, "public_key_pem": pem, "balance_dollars": "1000.00"}
