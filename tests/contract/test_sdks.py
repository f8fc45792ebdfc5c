"""Programs that others wrote against the exchange trade a whole day on the simulator without noticing."""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.contract.official_trader import OfficialTrader, official
from tests.contract.pykalshi_trader import PykalshiTrader
from tests.contract.sdk_calls import NO_ROUTE, Calls, Trader, unknown_in
from tests.exchange import Exchange, make_keys, served_exchange

CENT = Decimal("0.01")
TRADERS: dict[str, type[OfficialTrader | PykalshiTrader]] = {
    "kalshi-python-sync": OfficialTrader,
    "pykalshi": PykalshiTrader,
}
CLOCKS = ("kalshi_python_sync.auth.time", "pykalshi._base.time")
"""Where the SDKs take the time that they sign."""
DOCUMENT = Path(__file__).parents[2] / "docs/simulator.md"

Books = tuple[Decimal, int, int]
"""Contracts of all fills, cents of the balance, cents that were paid out."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day's calls, the books by the SDK's word and by the exchange's own, and how much became historical."""

    trader: Trader
    read: Books
    booked: Books
    historical: int


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Day]:
    return {name: a_day(name, tmp_path_factory.mktemp(name)) for name in TRADERS}


@pytest.fixture(params=TRADERS)
def day(request: pytest.FixtureRequest, days: dict[str, Day]) -> Day:
    return days[request.param]


def a_day(name: str, directory: Path) -> Day:
    """One SDK on an exchange of its own, over HTTP, with a real key."""
    keys = make_keys(directory, rsa.generate_private_key(65537, 2048))
    with (
        served_exchange(directory / "state", keys) as exchange,
        on_virtual_time(exchange),
        closing(TRADERS[name](exchange)) as trader,
    ):
        return traded(trader, exchange)


@contextmanager
def on_virtual_time(exchange: Exchange) -> Iterator[None]:
    """Let the SDKs sign the exchange's time instead of the machine's."""
    with pytest.MonkeyPatch.context() as patch:
        for clock in CLOCKS:
            patch.setattr(clock, types.SimpleNamespace(time=lambda: exchange.now().timestamp()))
        yield


def traded(trader: Trader, exchange: Exchange) -> Day:
    """From the morning to the payout, and a look back a season later."""
    trader.survey(exchange.now())
    (ticker, *others), group = trader.liquid_markets(), trader.new_group()
    for each in (ticker, *others):
        exchange.sleep(1)
        assert trader.take(each, str(trader.best(each)[1]), "2.00") == 2
    exchange.sleep(1)
    bid, ask = trader.best(ticker)
    mine = trader.rest(ticker, "bid", str(bid), "10.00", group)
    other = trader.rest(ticker, "ask", str(ask + CENT), "10.00", group)
    trader.amend(mine, str(bid - CENT))
    trader.decrease(mine, "3.00")
    trader.cancel(other)
    exchange.sleep(1)
    deep = [{"ticker": ticker, "side": "bid", "price": f"0.0{cents}00", "count": "1.00"} for cents in (1, 2, 3)]
    trader.cancel_many(trader.rest_many(deep)[:2])
    for _ in range(12):
        exchange.sleep(3600)
        quote(trader, ticker, group)
    trader.use_group(group)
    trader.end_orders()
    assert trader.resting() == []
    exchange.sleep(14 * 3600)
    read, booked = (trader.filled(), trader.balance(), trader.settled()), books_of(exchange)
    exchange.sleep(timedelta(days=100).total_seconds())
    return Day(trader, read, booked, trader.look_back(ticker, exchange.now()))


def quote(trader: Trader, ticker: str, group: str) -> None:
    """An hour's work: join the best bid with what is open, or with a new order."""
    bid, ask = trader.best(ticker)
    open_orders = trader.resting()
    if len(open_orders) > 1:
        trader.amend(open_orders[0], str(min(bid, ask - CENT)))
    else:
        trader.rest(ticker, "bid", str(min(bid, ask - CENT)), "5.00", group)
    trader.filled()
    trader.position(ticker)


def books_of(exchange: Exchange) -> Books:
    """What the exchange really booked."""
    account, state = exchange.account, exchange.simulator.state
    fills = [row.fill.count for row in state.fills if row.account == account.key_id]
    paid = [int(row.revenue * 100) for row in state.settlements if row.account == account.key_id]
    return sum(fills, Decimal(0)), int(account.cash * 100), sum(paid)


def test_every_reply_is_read_by_the_sdks_own_models(day: Day) -> None:
    assert day.trader.calls.failures == []
    assert day.trader.calls.by_route.total() > 100


def test_a_reply_that_the_models_refuse_or_do_not_know_is_found(tmp_path: Path) -> None:
    row = {"start": "0.0000", "end": "1.0000", "step": "0.0100", "odd": 1}
    assert list(unknown_in(official.PriceRange.from_dict(row), row)) == ["PriceRange.odd"]
    with served_exchange(tmp_path / "state", make_keys(tmp_path)) as exchange:
        calls = Calls(exchange)
        calls.note("GET", f"{exchange.origin}/trade-api/v2/exchange/announcements")
        with pytest.raises(ValueError, match="step"):
            calls.parsed(official.PriceRange.from_dict, {**row, "step": 1})
    assert calls.by_route == {f"GET /exchange/announcements{NO_ROUTE}": 1}
    assert len(calls.failures) == 1


def test_no_reply_has_a_field_that_the_sdk_does_not_know(days: dict[str, Day]) -> None:
    assert days["kalshi-python-sync"].trader.calls.undocumented == set()


def test_every_call_of_a_trading_day_has_a_route(day: Day) -> None:
    assert [route for route in day.trader.calls.by_route if route.endswith(NO_ROUTE)] == []


def test_what_an_sdk_reads_is_what_the_exchange_booked(day: Day) -> None:
    contracts, _, paid = day.read
    assert day.read == day.booked
    assert contracts > 20
    assert paid > 0
    assert day.historical > 20


def test_the_document_names_the_calls_of_each_sdk(days: dict[str, Day]) -> None:
    assert table(days) in DOCUMENT.read_text("utf-8"), f"docs/simulator.md needs this table:\n{table(days)}"


def table(days: dict[str, Day]) -> str:
    """Calls by route and SDK."""
    calls = {name: day.trader.calls for name, day in days.items()}
    routes = sorted(
        {route for each in calls.values() for route in each.by_route}, key=lambda route: route.split()[::-1]
    )
    rows = [
        ["route", *(f"`{name}` {version(name)}" for name in calls)],
        ["---", *("---:" for _ in calls)],
        *([f"`{route}`", *(str(each.by_route[route]) for each in calls.values())] for route in routes),
        ["calls in all", *(str(each.by_route.total()) for each in calls.values())],
        ["replies that its models refused", *(str(len(each.failures)) for each in calls.values())],
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows).replace("| --- | ---: | ---: |", "|---|---:|---:|")
