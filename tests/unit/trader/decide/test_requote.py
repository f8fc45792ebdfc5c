"""An order that rests for too long, at a price that is wrong by now, or into a close: each is money given away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.trader.decide.quotes import NOW, RULES, at

from milkbot.domain.markets import Market, MarketStatus, PriceRange, Strike, StrikeType
from milkbot.domain.orderbook import Level, OrderBook
from milkbot.domain.orders import Leg, TimeInForce
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import Count, Price
from milkbot.trader.decide.quoting import OrderStyle, is_guarded, quote_price, sending
from milkbot.trader.decide.requote import Quote, Scene, Withdrawal, judge


def orderbook(bid: str = "0.40", ask: str = "0.43") -> OrderBook:
    ten = Count(Decimal(10))
    return OrderBook("T", (Level(at(bid), ten),), (Level(Price(1 - at(ask)), ten),), NOW)


MARKET = Market(
    ticker="T",
    event_ticker="E",
    strike=Strike(StrikeType.BETWEEN, 86, 87),
    status=MarketStatus.ACTIVE,
    open_time=NOW - timedelta(days=1),
    close_time=NOW + timedelta(hours=12),
    title="",
    rules_primary="",
    price_ranges=(PriceRange(at("0"), at("1"), at("0.01")),),
    exchange_index=0,
    result="",
    expiration_value="",
)
QUOTE = Quote(at("0.40"), NOW - timedelta(minutes=5), 86.0)
SCENE = Scene(MARKET.close_time, NOW + timedelta(days=2), orderbook(), 86.0, Decimal("0.50"), at("0.40"))


def test_a_quote_without_a_reason_against_it_is_kept() -> None:
    assert judge(QUOTE, SCENE, RULES, TradingState.ACTIVE, NOW) is None


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        (None, Withdrawal.MARKET_UNSEEN),
        (replace(SCENE, orderbook=None), Withdrawal.MARKET_UNSEEN),
        (replace(SCENE, forecast_f=None), Withdrawal.MARKET_UNSEEN),
        (replace(SCENE, probability=None), Withdrawal.MARKET_UNSEEN),
        (replace(SCENE, forecast_f=87.0), Withdrawal.FORECAST_MOVED),
        (replace(SCENE, forecast_f=85.0), Withdrawal.FORECAST_MOVED),
        (replace(SCENE, orderbook=orderbook(ask="0.45")), Withdrawal.SPREAD_WIDENED),
        (replace(SCENE, orderbook=replace(orderbook(), yes_bids=())), Withdrawal.SPREAD_WIDENED),
        (replace(SCENE, probability=Decimal("0.4299")), Withdrawal.EDGE_GONE),
        (replace(SCENE, price=at("0.42")), Withdrawal.PRICE_MOVED),
        (replace(SCENE, price=at("0.38")), Withdrawal.PRICE_MOVED),
        (replace(SCENE, price=None), Withdrawal.PRICE_MOVED),
        (replace(SCENE, close_time=NOW + timedelta(minutes=30)), Withdrawal.NEAR_CLOSE),
        (replace(SCENE, pause_at=NOW + timedelta(minutes=15)), Withdrawal.NEAR_CLOSE),
    ],
)
def test_a_quote_is_withdrawn_when_its_market_has_changed(scene: Scene | None, reason: Withdrawal) -> None:
    assert judge(QUOTE, scene, RULES, TradingState.ACTIVE, NOW) is reason


@pytest.mark.parametrize(
    "scene",
    [
        replace(SCENE, forecast_f=86.9),
        replace(SCENE, orderbook=orderbook(ask="0.44")),
        replace(SCENE, probability=Decimal("0.43")),
        replace(SCENE, price=at("0.41")),
        replace(SCENE, close_time=NOW + timedelta(minutes=31)),
        replace(SCENE, pause_at=NOW + timedelta(minutes=16)),
        replace(SCENE, pause_at=None),
    ],
)
def test_a_quote_is_kept_below_every_bound(scene: Scene) -> None:
    assert judge(QUOTE, scene, RULES, TradingState.ACTIVE, NOW) is None


def test_a_stale_quote_is_withdrawn() -> None:
    assert judge(QUOTE, SCENE, RULES, TradingState.ACTIVE, NOW + timedelta(minutes=5)) is Withdrawal.QUOTE_STALE
    assert judge(QUOTE, SCENE, RULES, TradingState.ACTIVE, NOW + timedelta(minutes=4)) is None


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_a_quote_is_withdrawn_when_trading_is_not_allowed(state: TradingState) -> None:
    assert judge(QUOTE, SCENE, RULES, state, NOW) is Withdrawal.NOT_ALLOWED


def test_a_quote_is_withdrawn_when_the_order_style_changes() -> None:
    immediate = replace(RULES, style=OrderStyle.IMMEDIATE)
    assert judge(QUOTE, SCENE, immediate, TradingState.ACTIVE, NOW) is Withdrawal.NOT_WANTED


def test_a_quote_without_a_known_forecast_is_withdrawn() -> None:
    quote = replace(QUOTE, forecast_f=None)
    assert judge(quote, SCENE, RULES, TradingState.ACTIVE, NOW) is Withdrawal.FORECAST_MOVED


def test_no_forecast_of_the_weather_withdraws_a_quote_whose_forecaster_does_without() -> None:
    by_market = replace(SCENE, needs_weather=False)
    for forecast_f in (None, 99.0):
        assert judge(QUOTE, replace(by_market, forecast_f=forecast_f), RULES, TradingState.ACTIVE, NOW) is None
    assert judge(replace(QUOTE, forecast_f=None), by_market, RULES, TradingState.ACTIVE, NOW) is None


def test_a_resting_order_has_an_expiry() -> None:
    how = sending(RULES, MARKET.close_time, None, NOW)
    assert (how.time_in_force, how.post_only) == (TimeInForce.GOOD_TILL_CANCELED, True)
    assert how.expires_at == NOW + timedelta(minutes=15)


def test_a_resting_order_expires_before_the_close_or_a_pause() -> None:
    soon = NOW + timedelta(minutes=40)
    assert sending(RULES, soon, None, NOW).expires_at == NOW + timedelta(minutes=10)
    assert sending(RULES, MARKET.close_time, NOW + timedelta(minutes=20), NOW).expires_at == NOW + timedelta(minutes=5)


def test_an_immediate_order_never_rests() -> None:
    how = sending(replace(RULES, style=OrderStyle.IMMEDIATE), MARKET.close_time, None, NOW)
    assert (how.time_in_force, how.post_only, how.expires_at) == (TimeInForce.IMMEDIATE_OR_CANCEL, False, None)


@given(
    st.sampled_from(Leg),
    st.integers(2, 97),
    st.integers(1, 2),
    st.decimals("0.01", "0.99", places=4),
    st.none() | st.integers(1, 98),
)
def test_a_bid_keeps_its_edge_below_the_ask(
    leg: Leg, bid: int, spread: int, probability: Decimal, anchor: int | None
) -> None:
    seen = orderbook(f"0.{bid:02}", f"0.{bid + spread:02}" if bid + spread < 100 else "0.99")
    first = None if anchor is None else at(f"0.{anchor:02}")
    price = quote_price(leg, seen, MARKET, probability, RULES, first)
    if price is None:
        return
    ask = seen.best_yes_ask if leg is Leg.YES else seen.best_no_ask
    assert ask is not None
    assert 0 < price < ask.price
    assert probability - price >= RULES.min_edge
    assert price % Decimal("0.01") == 0
    assert first is None or price <= first + RULES.max_chase


def test_a_market_that_runs_away_is_followed_up_to_the_bound_and_no_further() -> None:
    bids: list[Price] = []
    for cents in range(40, 60):
        first = bids[0] if bids else None
        price = quote_price(Leg.YES, orderbook(f"0.{cents}", f"0.{cents + 1}"), MARKET, Decimal("0.99"), RULES, first)
        assert price is not None
        bids.append(price)
    assert bids[:4] == [at("0.40"), at("0.41"), at("0.42"), at("0.43")]
    assert set(bids[4:]) == {at("0.43")}


@given(st.integers(-60, 60))
def test_no_quote_is_sent_shortly_before_a_close_or_a_pause(minutes: int) -> None:
    moment = MARKET.close_time + timedelta(minutes=minutes)
    assert is_guarded(RULES, MARKET.close_time, None, moment) is (minutes >= -30)
    assert is_guarded(RULES, moment + timedelta(days=1), MARKET.close_time, moment) is (minutes >= -15)
