"""A simulated exchange without sockets: the client's requests go straight into the application, in no real time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from starlette.types import ASGIApp, Message
from tests.exchange import KEY_ID, MONDAY, SEED, Keys

from milkbot.http import Backoff
from milkbot.simulator.accounts import read_accounts
from milkbot.simulator.core import FullWorld, Simulator
from milkbot.simulator.engine.records import Account, Order
from milkbot.simulator.faulty.gate import PATIENCE, ReplyLateError, ReplyLostError
from milkbot.simulator.server import EXCHANGE_PREFIX, build_app
from milkbot.simulator.sim_clock import ClockMode
from milkbot.simulator.store import Store
from milkbot.simulator.world.simulated import SimulatedWorld
from milkbot.venue.client import KalshiClient
from milkbot.venue.signing import load_credentials, sign

ORIGIN = "http://exchange.test"
ONCE = Backoff(attempts=1, base_seconds=0.0, longest_seconds=0.0)


class InProcess(httpx2.BaseTransport):
    """Runs each request in the application. A reset or late reply is the error that a socket's client would get.

    `requests` are those that were sent, and what became of each: a status, or the name of the error.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self.requests: list[tuple[str, str, int | str]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        reply = _Reply()
        try:
            self._loop.run_until_complete(self._app(_scope(request), _body(request.read()), reply.take))
        except ReplyLostError as error:
            self._note(request, "lost")
            raise httpx2.ReadError(str(error), request=request) from error
        except ReplyLateError as error:
            self._note(request, "late")
            raise httpx2.ReadTimeout(str(error), request=request) from error
        self._note(request, reply.status)
        return httpx2.Response(reply.status, headers=reply.headers, content=reply.content, request=request)

    def close(self) -> None:
        """A client that closes leaves it open for the next one: `stop` ends it."""

    def stop(self) -> None:
        """Let go of the event loop and its threads."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _note(self, request: httpx2.Request, outcome: int | str) -> None:
        self.requests.append((request.method, request.url.path, outcome))


class Venue:
    """A simulator, its inside, and a client on its virtual clock that tries each read once."""

    def __init__(self, simulator: Simulator, keys: Keys) -> None:
        self.simulator = simulator
        self.keys = keys
        self.wire = InProcess(build_app(simulator))
        self.client = self.new_client()

    def new_client(self, **options: Any) -> KalshiClient:
        """Another client of the same account."""
        credentials = load_credentials(KEY_ID, self.keys.private_key)
        return KalshiClient(f"{ORIGIN}/trade-api/v2", credentials, self, self.wire, **{"backoff": ONCE, **options})

    def ask(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        """A signed request of a kind that the client does not send."""
        milliseconds = int(self.now().timestamp() * 1000)
        headers = sign(load_credentials(KEY_ID, self.keys.private_key), milliseconds, method, EXCHANGE_PREFIX + path)
        return httpx2.Client(transport=self.wire).request(
            method, f"{ORIGIN}{EXCHANGE_PREFIX}{path}", headers=headers, **rest
        )

    @property
    def account(self) -> Account:
        """What the tester really has."""
        return self.simulator.state.accounts[KEY_ID]

    @property
    def orders(self) -> list[Order]:
        """Every order of the tester that the exchange ever accepted, oldest first."""
        mine = [order for order in self.simulator.state.orders.values() if order.account == KEY_ID]
        return sorted(mine, key=lambda order: order.sequence)

    def now(self) -> datetime:
        """The virtual moment: together with sleep this is the client's clock."""
        return self.simulator.clock.latest

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.simulator.set_clock(ClockMode.VIRTUAL, self.now() + timedelta(seconds=seconds))

    def uptime(self) -> float:
        """The virtual moment, which is also what counts while a process stands still."""
        return self.now().timestamp()

    def advance_to(self, moment: datetime) -> None:
        """Let virtual time pass until a moment."""
        self.simulator.set_clock(ClockMode.VIRTUAL, moment)


@contextmanager
def opened_venue(
    directory: Path, keys: Keys, world: FullWorld | None = None, start: datetime = MONDAY
) -> Iterator[Venue]:
    """A new exchange from `start` on, of the simulated world or another."""
    simulator = Simulator.open(Store(directory), world or SimulatedWorld(SEED), SEED, start, ClockMode.VIRTUAL)
    simulator.enroll(read_accounts(keys.accounts))
    venue = Venue(simulator, keys)
    try:
        yield venue
    finally:
        venue.wire.stop()
        simulator.close()


class _Reply:
    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.content = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.content += message.get("body", b"")


def _scope(request: httpx2.Request) -> dict[str, Any]:
    path, _, query = request.url.raw_path.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.url.path,
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 0),
        "server": ("exchange.test", 80),
        "extensions": {PATIENCE: request.extensions["timeout"]["read"]},
    }


def _body(content: bytes) -> Callable[[], Awaitable[Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    return receive
