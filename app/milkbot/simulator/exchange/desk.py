"""The counter that every request passes: time, signature, rate limit, then the state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from milkbot.simulator.core import Simulator
from milkbot.simulator.engine.records import Account, Market
from milkbot.simulator.engine.request import OrderRequest
from milkbot.simulator.engine.state import State
from milkbot.simulator.exchange.auth import caller, unauthorized
from milkbot.simulator.exchange.errors import too_many_requests
from milkbot.simulator.exchange.limits import DEFAULT_COST, READ, Limit, Limits


class Desk:
    """Serves requests one at a time."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._limits = Limits()

    @contextmanager
    def public(self, request: Request) -> Iterator[State]:
        """A read that needs no key; one that is sent is checked all the same. Raises RejectError (401, 429)."""
        with self._simulator.turn() as state:
            account = caller(state, request.headers, request.method, _signed_path(request))
            host = request.client.host if request.client else "unknown"
            self._pay(state, account.key_id if account else host, READ, DEFAULT_COST)
            yield state

    @contextmanager
    def signed(
        self, request: Request, limit: Limit = READ, cost: int = DEFAULT_COST
    ) -> Iterator[tuple[State, Account]]:
        """A request of an account. Raises RejectError (401, 429)."""
        with self._simulator.turn() as state:
            account = caller(state, request.headers, request.method, _signed_path(request))
            if account is None:
                raise unauthorized("MISSING_HEADER")
            self._pay(state, account.key_id, limit, cost)
            yield state, account

    def before_create(self, request: Request, asked: OrderRequest) -> None:
        """What a fault does to the book that an order is about to meet. Only while a request is served."""

    def market(self, ticker: str) -> Market | None:
        """A market with its book at the present moment. Only while a request is served."""
        return self._simulator.refreshed(ticker)

    @property
    def series(self) -> tuple[str, ...]:
        """Tickers of the series that are listed."""
        return tuple(city.series for city in self._simulator.world.cities)

    def _pay(self, state: State, who: str, limit: Limit, cost: int) -> None:
        if not self._limits.allow(who, limit, cost, state.now):
            raise too_many_requests()


def _signed_path(request: Request) -> str:
    """The path as it went over the wire, percent escapes and all."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("ascii")
