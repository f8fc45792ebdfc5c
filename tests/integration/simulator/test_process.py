"""The simulator as the process that it is: over loopback, with the platform's own clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.integration.simulator.process import Served, make_account, simulator
from tests.patience import PATIENCE

from milkbot.domain.cities import series_of
from milkbot.domain.orders import BookSide, OrderIntent, TimeInForce
from milkbot.domain.units import Price, count
from milkbot.simulator.virtual_clock import SimulatorClock
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import OrderOutcomeUnknownError, OrderRejectedError

HISTORY = ("--history-days", "10", "--seed", "4")


def intent(clock: SimulatorClock, ticker: str, name: str, price: Price, kind: TimeInForce) -> OrderIntent:
    return OrderIntent(name, ticker, BookSide.BID, count(5), price, kind, 0, clock.now())


def quoted(exchange: KalshiClient) -> tuple[str, Price]:
    """A market with an ask in the middle, and that ask."""
    for event in exchange.open_events("KXHIGHNY"):
        books = exchange.orderbooks([market.ticker for market in event.markets])
        for ticker, book in books.items():
            ask = book.best_yes_ask
            if ask is not None and Decimal("0.10") < ask.price < Decimal("0.90"):
                return ticker, ask.price
    raise AssertionError("no market is quoted")


def everything(exchange: KalshiClient) -> tuple[Any, ...]:
    reads: tuple[Callable[[], Any], ...] = (
        exchange.balance,
        exchange.positions,
        exchange.orders,
        exchange.fills,
        exchange.settlements,
    )
    return tuple(read() for read in reads)


def trade(served: Served) -> tuple[Any, ...]:
    """Take, rest, let a day and a settlement pass; what the exchange then says."""
    clock = served.clock()
    exchange = served.exchange(clock)
    for number in range(2):
        ticker, ask = quoted(exchange)
        exchange.create_order(intent(clock, ticker, f"t{number}", ask, TimeInForce.IMMEDIATE_OR_CANCEL))
        exchange.create_order(
            intent(clock, ticker, f"r{number}", Price(Decimal("0.02")), TimeInForce.GOOD_TILL_CANCELED)
        )
        clock.advance_to(clock.now() + timedelta(hours=23))
    ticker, _ = quoted(exchange)
    exchange.create_order(intent(clock, ticker, "last", Price(Decimal("0.02")), TimeInForce.GOOD_TILL_CANCELED))
    return everything(exchange)


def test_killed_simulator_loses_nothing_that_it_answered(tmp_path: Path) -> None:
    account = make_account(tmp_path)
    with simulator(tmp_path, account, *HISTORY) as served:
        before = trade(served)
        moment = served.clock().now()
        served.process.kill()
        served.process.wait()

    with simulator(tmp_path, account, *HISTORY) as again:
        clock = again.clock()
        assert clock.now() == moment
        exchange = again.exchange(clock)
        after = everything(exchange)
        ticker, _ = quoted(exchange)
        last = intent(clock, ticker, "last", Price(Decimal("0.02")), TimeInForce.GOOD_TILL_CANCELED)
        with pytest.raises(OrderOutcomeUnknownError):
            exchange.create_order(last)

    assert after[1:] == before[1:]
    assert after[0].cash == before[0].cash
    assert len(after[3]) >= 2
    assert after[4]


def test_platform_clients_read_the_simulated_services(tmp_path: Path) -> None:
    with simulator(tmp_path, make_account(tmp_path), *HISTORY) as served:
        clock = served.clock()
        exchange = served.exchange(clock)
        weather = served.weather(clock)
        series = series_of("KXHIGHDEN")
        city = series.city
        events = exchange.open_events(series.ticker)
        forecast = weather.high_forecast(city, events[0].climate_day)
        measured = weather.observations(city, clock.now() - timedelta(hours=5), clock.now())

        assert all(series.settles_by(market.rules_primary) for event in events for market in event.markets)
        assert abs(exchange.clock_skew_seconds or 0) < 2
        assert exchange.exchange_status().trading_active
        assert forecast is not None
        assert forecast.issued_at < clock.now()
        assert float(forecast.degrees_f).is_integer()
        assert 4 <= len(measured) <= 5
        with pytest.raises(OrderRejectedError, match="not_found"):
            exchange.create_order(
                intent(clock, "KXHIGHDEN-99JAN01-B1.5", "x", Price(Decimal("0.5")), TimeInForce.IMMEDIATE_OR_CANCEL)
            )


def test_history_ends_on_the_wall_clock_and_remains_there_after_a_restart(tmp_path: Path) -> None:
    account = make_account(tmp_path)
    with simulator(tmp_path, account, "--history-days", "1") as served:
        clock = served.clock()
        assert clock.is_virtual()
        assert clock.ends_at() is None
        clock.sleep(3600)
        clock.set_wall()
        assert not clock.is_virtual()

    with simulator(tmp_path, account, "--history-days", "1") as again:
        assert abs(again.clock().now() - datetime.now(UTC)) < timedelta(seconds=20)
        assert not again.clock().is_virtual()


def test_simulator_ends_cleanly_on_termination(tmp_path: Path) -> None:
    with simulator(tmp_path, make_account(tmp_path)) as served:
        served.process.terminate()
        assert served.process.wait(timeout=PATIENCE) in {0, -15}


def test_wrong_options_end_the_simulator_with_one_sentence(tmp_path: Path) -> None:
    account = make_account(tmp_path)
    base = [sys.executable, "-m", "milkbot.simulator", "--state-dir", str(tmp_path / "s")]
    with simulator(tmp_path, account) as served:
        taken = served.origin.rpartition(":")[2]
        cases = {
            ("--port", "0"): "no account may trade",
            ("--port", taken, "--accounts", str(account.path)): f"--port {taken}: Address already in use",
            ("--port", "0", "--accounts", str(account.path), "--day", "soon"): "--day is 'soon'",
        }
        for options, said in cases.items():
            ended = subprocess.run([*base, *options], capture_output=True, text=True, timeout=PATIENCE, check=False)
            assert (ended.returncode, len(ended.stderr.splitlines())) == (78, 1), ended.stderr
            assert said in ended.stderr
