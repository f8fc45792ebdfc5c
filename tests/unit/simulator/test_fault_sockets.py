"""What faults do to real connections: a client's own sockets and time-outs, not those of a stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.exchange import KEY_ID, MONDAY, Exchange, Keys, served_exchange
from tests.unit.simulator.intents import resting

from milkbot.http import Backoff
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import rule
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import OrderOutcomeUnknownError, VenueReadError
from milkbot.venue.signing import load_credentials

SHORT = 0.2


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Exchange]:
    """A simulator that is served, of the simulated world."""
    with served_exchange(tmp_path_factory.mktemp("served"), keys) as served:
        yield served


@pytest.fixture
def ticker(exchange: Exchange) -> str:
    """A market that is open."""
    return next(name for name, market in exchange.simulator.state.markets.items() if market.status(MONDAY) == "active")


@pytest.fixture
def client(exchange: Exchange) -> Iterator[KalshiClient]:
    """A client with little patience."""
    once = Backoff(attempts=1, base_seconds=0.0, longest_seconds=0.0)
    credentials = load_credentials(KEY_ID, exchange.keys.private_key)
    opened = KalshiClient(
        f"{exchange.origin}/trade-api/v2", credentials, exchange, backoff=once, timeout_seconds=SHORT * 10
    )
    yield opened
    opened.close()


def test_after_a_reset_connection_the_next_request_opens_another(exchange: Exchange, client: KalshiClient) -> None:
    exchange.simulator.faults.arm(rule(FaultKind.CONNECTION_RESET))
    with pytest.raises(VenueReadError, match="did not answer"):
        client.balance()
    assert client.balance().cash > 0


def test_an_order_whose_reply_is_lost_is_unknown_and_exists(
    exchange: Exchange, client: KalshiClient, ticker: str
) -> None:
    exchange.simulator.faults.arm(rule(FaultKind.ACCEPTED_REPLY_LOST))
    with pytest.raises(OrderOutcomeUnknownError, match="mb-lost"):
        client.create_order(resting("mb-lost", at="0.01", ticker=ticker))
    assert "mb-lost" in {order.client_order_id for order in client.orders()}


def test_a_reply_after_the_timeout_makes_the_order_unknown(exchange: Exchange, ticker: str) -> None:
    credentials = load_credentials(KEY_ID, exchange.keys.private_key)
    hasty = KalshiClient(f"{exchange.origin}/trade-api/v2", credentials, exchange, timeout_seconds=SHORT)
    exchange.simulator.faults.arm(rule(FaultKind.DELAYED_REPLY, call="create", seconds=30))
    with pytest.raises(OrderOutcomeUnknownError, match="ReadTimeout"):
        hasty.create_order(resting("mb-late", at="0.01", ticker=ticker))
    hasty.close()
    assert "mb-late" in {order.client_order_id for order in exchange.simulator.state.orders.values()}


def test_a_late_reply_within_the_timeout_is_used(exchange: Exchange, client: KalshiClient) -> None:
    exchange.simulator.faults.arm(rule(FaultKind.DELAYED_REPLY, call="balance", seconds=SHORT))
    assert client.balance().cash > 0
    assert client.traffic.seconds >= SHORT
