"""A test that reaches the real exchange costs real money."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.domain.strategies import START

from milkbot.domain.modes import Exchange, TradingMode, exchange_of, mode_fits
from milkbot.domain.trading_state import StateRecord, TradingState


@pytest.mark.parametrize(
    ("address", "exchange"),
    [
        ("https://external-api.kalshi.com/trade-api/v2", Exchange.PRODUCTION),
        ("https://api.elections.kalshi.com/trade-api/v2", Exchange.PRODUCTION),
        ("https://external-api.demo.kalshi.co/trade-api/v2", Exchange.DEMO),
        ("https://DEMO-api.kalshi.co/trade-api/v2", Exchange.DEMO),
        ("http://127.0.0.1:8900/trade-api/v2", Exchange.SIMULATOR),
        ("http://[::1]:8900/trade-api/v2", Exchange.SIMULATOR),
        ("https://localhost/trade-api/v2", Exchange.SIMULATOR),
    ],
)
def test_each_address_reaches_the_exchange_that_it_names(address: str, exchange: Exchange) -> None:
    assert exchange_of(address) is exchange


@pytest.mark.parametrize(
    "address",
    [
        "http://external-api.kalshi.com/trade-api/v2",
        "https://trading-api.kalshi.com/trade-api/v2",
        "https://external-api.kalshi.com.evil.test/trade-api/v2",
        "https://127.0.0.1@evil.test/trade-api/v2",
        "ftp://localhost/",
        "external-api.kalshi.com",
        "",
    ],
)
def test_an_address_that_is_on_no_list_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no exchange address"):
        exchange_of(address)


def test_each_mode_is_allowed_only_with_its_own_exchange() -> None:
    fits = {(mode, exchange) for mode in TradingMode for exchange in Exchange if mode_fits(mode, exchange)}
    assert fits == {
        *((TradingMode.SHADOW, exchange) for exchange in Exchange),
        (TradingMode.DEMO, Exchange.DEMO),
        (TradingMode.DEMO, Exchange.SIMULATOR),
        (TradingMode.LIVE, Exchange.PRODUCTION),
    }


def test_a_halt_ends_at_its_bound_and_one_without_a_bound_does_not() -> None:
    until = START + timedelta(hours=1)
    bounded = StateRecord(TradingState.HALTED, "daily loss", START, until, None)
    assert bounded.at(until - timedelta(seconds=1)) is TradingState.HALTED
    assert bounded.at(until) is TradingState.ACTIVE
    unbounded = StateRecord(TradingState.REDUCING, "operator", START, None, None)
    assert unbounded.at(START + timedelta(days=365)) is TradingState.REDUCING


def test_an_unknown_host_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="known") as told:
        exchange_of("https://kalshi.example/v2")
    assert str(told.value) == (
        "'https://kalshi.example/v2' is no exchange address that is known; use https and one of"
        " api.elections.kalshi.com, demo-api.kalshi.co, external-api.demo.kalshi.co, external-api.kalshi.com"
    )
