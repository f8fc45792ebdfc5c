"""The counter that every request passes: time, signature, rate limit, then the state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

from starlette.requests import Request

from milkbot.domain.cities import Series
from milkbot.simulator.core import Simulator
from milkbot.simulator.engine.plan import House
from milkbot.simulator.engine.records import Account, Market
from milkbot.simulator.engine.rejects import not_found
from milkbot.simulator.engine.request import OrderRequest
from milkbot.simulator.engine.state import State
from milkbot.simulator.exchange.archive import is_archived_market
from milkbot.simulator.exchange.auth import caller, unauthorized
from milkbot.simulator.exchange.errors import too_many_requests
from milkbot.simulator.exchange.limits import DEFAULT_COST, READ, Limit, Limits
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import only
from milkbot.simulator.faulty import effects
from milkbot.simulator.faulty.gate import fired_at, skew_of

_OTHER_SHARD = 2


class Desk:
    """Serves requests one at a time."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._limits = Limits()

    @contextmanager
    def public(self, request: Request) -> Iterator[State]:
        """A read that needs no key; one that is sent is checked all the same. Raises RejectError (401, 429)."""
        with self._simulator.turn() as state:
            account = self._caller(state, request)
            host = request.client.host if request.client else "unknown"
            self._pay(state, account.key_id if account else host, READ, DEFAULT_COST)
            effects.before(state, account, fired_at(request.scope), None)
            yield state

    @contextmanager
    def signed(
        self, request: Request, limit: Limit = READ, cost: int = DEFAULT_COST
    ) -> Iterator[tuple[State, Account]]:
        """A request of an account. Raises RejectError (401, 429)."""
        with self._simulator.turn() as state:
            account = self._caller(state, request)
            if account is None:
                raise unauthorized("MISSING_HEADER")
            self._pay(state, account.key_id, limit, cost)
            effects.before(state, account, fired_at(request.scope), request.path_params.get("order_id"))
            yield state, account

    @contextmanager
    def viewed(self, request: Request) -> Iterator[tuple[State, Account]]:
        """A read of an account's data, which a fault may let lag. Raises RejectError (401, 429)."""
        with self.signed(request) as (state, account):
            view = self.as_seen(state, request)
            yield view, view.accounts[account.key_id]

    def cash_elsewhere(self, request: Request) -> dict[int, Decimal]:
        """Dollars by shard that the account has on others than that of the weather markets."""
        one = only(fired_at(request.scope), FaultKind.CASH_ON_ANOTHER_SHARD)
        return {} if one is None else {_OTHER_SHARD: one.rule.dollars}

    def as_of(self, state: State, request: Request) -> datetime:
        """The moment of the account's data that a read would get."""
        lag = only(fired_at(request.scope), FaultKind.LAGGING_READS)
        return state.now if lag is None else state.now - timedelta(seconds=lag.rule.seconds)

    def as_seen(self, state: State, request: Request) -> State:
        """The state, or where a fault lets reads lag the one of some time ago."""
        lag = only(fired_at(request.scope), FaultKind.LAGGING_READS)
        return state if lag is None else self._simulator.mirror.seen_from(state, lag.rule.seconds)

    def before_create(self, request: Request, state: State, asked: OrderRequest) -> None:
        """What a fault does to the book that an order is about to meet. Only while a request is served."""
        effects.before_create(state, fired_at(request.scope), self.market(asked.ticker), asked)

    def market(self, ticker: str) -> Market | None:
        """A market with its book at the present moment. Only while a request is served."""
        return self._simulator.refreshed(ticker)

    def archived_market(self, state: State, ticker: str) -> Market:
        """A market of the historical tier. Raises RejectError (404) for any other."""
        market = state.markets.get(ticker)
        if market is None or not is_archived_market(market, state.now):
            raise not_found(f"historical market {ticker}")
        return market

    @property
    def house(self) -> House:
        """Who quotes."""
        return self._simulator.world.house

    @property
    def series(self) -> tuple[Series, ...]:
        """The series that are listed."""
        return self._simulator.world.series

    def _caller(self, state: State, request: Request) -> Account | None:
        now = state.now + skew_of(request.scope)
        return caller(state, request.headers, request.method, _signed_path(request), now)

    def _pay(self, state: State, who: str, limit: Limit, cost: int) -> None:
        if not self._limits.allow(who, limit, cost, state.now):
            raise too_many_requests()


def _signed_path(request: Request) -> str:
    """The path as it went over the wire, percent escapes and all."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("ascii")
