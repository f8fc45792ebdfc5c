"""A trader between a real database and a simulated exchange, with a wire in which faults can be put."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
from sqlalchemy import Engine, text
from tests.exchange import TRADER, Exchange
from tests.postgres import Cluster, TestDatabase

from milkbot.domain.orders import BookSide, OrderIntent, TimeInForce
from milkbot.domain.units import Count, Price
from milkbot.settings import Settings
from milkbot.trader.report import TickReport
from milkbot.trader.trading_loop import TradingLoop
from milkbot.venue.client import KalshiClient
from milkbot.venue.signing import load_credentials
from milkbot.venue.values import PlacedOrder
from milkbot.weather.client import WeatherClient

Send = Callable[[httpx2.Request], httpx2.Response]
Fault = Callable[[httpx2.Request, Send], httpx2.Response]


def is_create(request: httpx2.Request) -> bool:
    """Whether a request creates an order."""
    return request.method == "POST" and request.url.path.endswith("/portfolio/events/orders")


class Wire(httpx2.BaseTransport):
    """The real transport, which keeps every request and may play a fault for each order that is created."""

    def __init__(self) -> None:
        self._real = httpx2.HTTPTransport()
        self.requests: list[httpx2.Request] = []
        self.faults: list[Fault] = []
        self.always: Fault | None = None

    @property
    def creates(self) -> list[httpx2.Request]:
        """The orders that were sent, or tried to be."""
        return [request for request in self.requests if is_create(request)]

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if self.always is not None:
            return self.always(request, self._send)
        if is_create(request) and self.faults:
            return self.faults.pop(0)(request, self._send)
        return self._real.handle_request(request)

    def close(self) -> None:
        self._real.close()

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        response = self._real.handle_request(request)
        response.read()
        return response


@dataclass(slots=True)
class Stage:
    """One trader. `tick` runs the real loop as the database's role milkbot_trader."""

    exchange: Exchange
    database: TestDatabase
    settings: Settings
    wire: Wire
    engine: Engine
    owner: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.owner = self.database.engine()

    @contextmanager
    def venue(self) -> Iterator[KalshiClient]:
        """The trader's client of the exchange, through the wire."""
        client = KalshiClient(self.settings.kalshi_api_base, self._credentials(), self.exchange, Shared(self.wire))
        try:
            yield client
        finally:
            client.close()

    def tick(self) -> TickReport:
        """One tick at the exchange's present moment."""
        weather = WeatherClient(
            self.settings.nws_api_base,
            self.settings.nws_user_agent,
            self.exchange,
            cache_seconds=0,
            cache_directory=self.settings.milkbot_cache_directory,
        )
        try:
            with (
                self.venue() as venue,
                closing(TradingLoop(self.settings, self.engine, venue, weather, self.exchange)) as loop,
            ):
                return loop.run_once()
        finally:
            weather.close()

    def rest_by_hand(self, ticker: str, name: str = "by-hand", contracts: int = 5) -> PlacedOrder:
        """Somebody places an order on the account's own site that nobody takes, at one cent."""
        intent = OrderIntent(
            client_order_id=name,
            ticker=ticker,
            side=BookSide.BID,
            count=Count(Decimal(contracts)),
            price=Price(Decimal("0.01")),
            time_in_force=TimeInForce.GOOD_TILL_CANCELED,
            exchange_index=0,
            created_at=self.exchange.now(),
        )
        with self.venue() as venue:
            return venue.create_order(intent)

    def later(self, **delta: float) -> None:
        """Let virtual time pass."""
        self.exchange.advance_to(self.exchange.now() + timedelta(**delta))

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What the database holds, asked as its owner."""
        with self.owner.connect() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]

    def value(self, query: str, **values: Any) -> Any:
        """The one value of a query."""
        with self.owner.connect() as connection:
            return connection.execute(text(query), values).scalar_one()

    def act(self, statement: str, **values: Any) -> None:
        """Change the database as its owner."""
        with self.owner.begin() as connection:
            connection.execute(text(statement), values)

    def _credentials(self) -> Any:
        settings = self.settings
        if settings.kalshi_api_key_id is None or settings.kalshi_private_key_path is None:
            return None
        return load_credentials(settings.kalshi_api_key_id, settings.kalshi_private_key_path)


class Shared(httpx2.BaseTransport):
    """A transport that outlives the clients that use it."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._inner.handle_request(request)


@contextmanager
def staged(exchange: Exchange, database: TestDatabase, **more: str) -> Iterator[Stage]:
    """A trader at that exchange on that database; `more` are settings."""
    wire = Wire()
    try:
        yield Stage(exchange, database, exchange.settings(database, **more), wire, database.engine(TRADER))
    finally:
        wire.close()


def cut_off(cluster: Cluster, database: TestDatabase) -> None:
    """Take a database away from everyone, as a stopped server would."""
    with cluster.admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": database.name},
        )


def reconnect(cluster: Cluster, database: TestDatabase) -> None:
    """Give the database back."""
    with cluster.admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true"))
