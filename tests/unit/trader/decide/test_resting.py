"""An order that remains too long is money given away; one that another placed is not the trader's to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.unit.trader.decide.quotes import NOW, RULES, at
from tests.unit.trader.ledger import DEMO, Account, Ledger

from milkbot.domain.cities import series_of
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.markets import Event, Market, MarketStatus, PriceRange, Strike, StrikeType
from milkbot.domain.orderbook import Level, OrderBook
from milkbot.domain.orders import BookSide, Leg, OrderState
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import Count
from milkbot.errors import DatabaseUnavailableError
from milkbot.trader.decide import resting
from milkbot.trader.decide.proposals import Candidate
from milkbot.trader.decide.quoting import OrderStyle, QuoteRules
from milkbot.trader.decide.strategy import Action, Decision, Reason
from milkbot.trader.observe.observation import CityWeather, Observed
from milkbot.trader.orders.manager import Cancel, OrderManager
from milkbot.venue.errors import CancelFailedError
from milkbot.venue.values import VenueOrder, VenueOrderStatus
from milkbot.weather.values import ExtremeForecast

EVENT, TICKER = "KXHIGHNY-26AUG03", "KXHIGHNY-26AUG03-B86.5"
TEN = Count(Decimal(10))


MARKET = Market(
    ticker=TICKER,
    event_ticker=EVENT,
    strike=Strike(StrikeType.BETWEEN, 86, 87),
    status=MarketStatus.ACTIVE,
    open_time=NOW - timedelta(days=1),
    close_time=NOW + timedelta(hours=12),
    title="",
    rules_primary="",
    price_ranges=(PriceRange(at("0"), at("1"), at("0.01")),),
    exchange_index=3,
    result="",
    expiration_value="",
)
BOOK = OrderBook(TICKER, (Level(at("0.40"), TEN),), (Level(at("0.57"), TEN),), NOW)
WEATHER = CityWeather(
    ExtremeForecast("KNYC", date(2026, 8, 3), 86.0, NOW + timedelta(hours=5), NOW - timedelta(hours=1), NOW)
)
SEEN = Observed(
    Event(EVENT, "KXHIGHNY", date(2026, 8, 3), mutually_exclusive=True, markets=(MARKET,)),
    series_of("KXHIGHNY"),
    FeeSchedule(FeeType.QUADRATIC, Decimal(1)),
    WEATHER,
    {TICKER: BOOK},
)
YES = Decision(TICKER, Action.BUY, (Reason.EDGE,), p_yes=0.5, leg=Leg.YES, price=at("0.40"), count=TEN)
NO = replace(YES, p_yes=0.35, leg=Leg.NO, price=at("0.57"))
LISTED = VenueOrder(
    "venue-1", "mb-1", TICKER, BookSide.BID, VenueOrderStatus.RESTING, at("0.40"), TEN, Count(Decimal(0)), TEN, NOW, 3
)


def rest(ledger: Ledger, name: str = "mb-1", forecast_f: float | None = 86.0, **values: Any) -> None:
    """An order of ours that the exchange has had for a minute."""
    row: dict[str, Any] = {
        "state": OrderState.RESTING,
        "client_order_id": name,
        "venue_order_id": "venue-1",
        "ticker": TICKER,
        "side": "bid",
        "price": Decimal("0.40"),
        "exchange_index": 3,
        "created_at": NOW - timedelta(minutes=1),
        **values,
    }
    ledger.quotes.append((ledger.add_order(**row), forecast_f))


def withdrawn(
    ledger: Ledger,
    decision: Decision | None = YES,
    seen: Observed = SEEN,
    *,
    rules: QuoteRules = RULES,
    allowed: TradingState = TradingState.ACTIVE,
    pause_at: datetime | None = None,
    needs_weather: bool = True,
) -> list[Cancel]:
    candidates: Mapping[str, Candidate] = {}
    if decision is not None:
        candidates = {TICKER: Candidate(seen, MARKET, decision, needs_weather=needs_weather)}
    return resting.to_withdraw(ledger.engine, DEMO, candidates, rules, allowed, pause_at, NOW)


def test_manual_orders_are_never_withdrawn() -> None:
    by_hand = replace(LISTED, client_order_id="by-hand", order_id="venue-2")
    unnamed = replace(LISTED, client_order_id="", order_id="venue-3")
    alike = replace(LISTED, client_order_id="a-mb-1", order_id="venue-4")
    assert resting.left_behind([by_hand, unnamed, alike]) == []
    assert resting.left_behind([by_hand, LISTED, unnamed]) == [Cancel("mb-1", "venue-1", 3, TICKER, "not_wanted")]


def test_a_good_order_is_kept(ledger: Ledger) -> None:
    rest(ledger)
    assert withdrawn(ledger) == []


def test_a_good_order_of_the_no_leg_is_kept(ledger: Ledger) -> None:
    """An ask at 0.43 buys NO for 0.57; NO is worth 0.65."""
    rest(ledger, side="ask", price=Decimal("0.43"))
    assert withdrawn(ledger, NO) == []


def test_an_order_of_the_no_leg_is_judged_by_the_probability_of_no(ledger: Ledger) -> None:
    rest(ledger, side="ask", price=Decimal("0.43"))
    assert [cancel.reason for cancel in withdrawn(ledger, replace(NO, p_yes=0.41))] == ["edge_gone"]


@pytest.mark.parametrize(
    ("decision", "seen", "reason"),
    [
        (None, SEEN, "market_unseen"),
        (YES, replace(SEEN, orderbooks={}), "market_unseen"),
        (YES, replace(SEEN, weather=replace(WEATHER, forecast=None)), "market_unseen"),
        (replace(YES, p_yes=None), SEEN, "market_unseen"),
        (replace(YES, p_yes=0.42), SEEN, "edge_gone"),
        (replace(YES, price=at("0.42")), SEEN, "price_moved"),
        # What would be bid for the other leg says nothing about this one.
        (replace(YES, leg=Leg.NO), SEEN, "price_moved"),
    ],
)
def test_an_order_whose_market_changed_is_withdrawn(
    ledger: Ledger, decision: Decision | None, seen: Observed, reason: str
) -> None:
    rest(ledger)
    assert withdrawn(ledger, decision, seen) == [Cancel("mb-1", "venue-1", 3, TICKER, reason)]


def test_an_order_is_withdrawn_for_events_around_its_market(ledger: Ledger) -> None:
    rest(ledger)

    def reasons(**given: Any) -> list[str]:
        return [cancel.reason for cancel in withdrawn(ledger, **given)]

    assert reasons(allowed=TradingState.REDUCING) == ["not_allowed"]
    assert reasons(pause_at=NOW + timedelta(minutes=15)) == ["near_close"]
    assert reasons(rules=replace(RULES, close_guard=timedelta(hours=12))) == ["near_close"]
    assert reasons(rules=replace(RULES, style=OrderStyle.IMMEDIATE)) == ["not_wanted"]
    assert reasons(rules=replace(RULES, max_age=timedelta(minutes=1))) == ["quote_stale"]


def test_an_order_by_prices_alone_is_kept_without_a_forecast_of_the_weather(ledger: Ledger) -> None:
    rest(ledger, forecast_f=None)
    blind = replace(SEEN, weather=replace(WEATHER, forecast=None))
    assert withdrawn(ledger, seen=blind, needs_weather=False) == []


@pytest.mark.parametrize(("forecast_f", "reasons"), [(85.0, ["forecast_moved"]), (None, ["forecast_moved"])])
def test_an_order_is_judged_by_the_forecast_that_it_was_decided_by(
    ledger: Ledger, forecast_f: float | None, reasons: list[str]
) -> None:
    rest(ledger, forecast_f=forecast_f)
    assert [cancel.reason for cancel in withdrawn(ledger)] == reasons


@pytest.mark.parametrize(
    "values",
    [{"venue_order_id": None}, {"state": OrderState.UNKNOWN}, {"state": OrderState.PENDING}],
    ids=["no id", "unknown", "pending"],
)
def test_an_unconfirmed_order_is_not_withdrawn(ledger: Ledger, values: dict[str, Any]) -> None:
    """The first one is passed over, not the rest."""
    rest(ledger, **values)
    rest(ledger, "mb-2", state=OrderState.PARTIALLY_FILLED)
    halted = withdrawn(ledger, allowed=TradingState.HALTED)
    assert halted == [Cancel("mb-2", "venue-1", 3, TICKER, "not_allowed")]


def test_own_orders_are_the_open_markets_and_the_first_leg_price_of_six_hours(ledger: Ledger) -> None:
    rest(ledger)
    ledger.firsts = {(TICKER, "bid"): Decimal("0.40"), (TICKER, "ask"): Decimal("0.45")}
    pause = NOW + timedelta(hours=1)
    with ledger.session() as session:
        own = resting.own_orders(session, DEMO, pause, NOW)
    assert own == resting.OwnOrders(
        frozenset({TICKER}), {(TICKER, Leg.YES): at("0.40"), (TICKER, Leg.NO): at("0.55")}, pause
    )
    assert ledger.asked_since == [NOW - timedelta(hours=6)]


def test_orders_are_canceled_in_turn_and_only_taken_ones_are_counted(ledger: Ledger, account: Account) -> None:
    orders = OrderManager(ledger.writer(), account, FakeClock(NOW), DEMO)
    cancels = resting.left_behind([LISTED, replace(LISTED, client_order_id="mb-2", order_id="venue-2")])
    assert orders.cancel_each(cancels, 5) == 2
    assert account.asked == [("cancel_order", "venue-1", 3), ("cancel_order", "venue-2", 3)]
    assert [note["tick_id"] for note in ledger.risk_events] == [5, 5]
    account.refuses["cancel_order"] = CancelFailedError("HTTP 500")
    assert orders.cancel_each(cancels, 5) == 0


def test_nothing_is_canceled_once_the_lock_is_lost(ledger: Ledger, account: Account) -> None:
    orders = OrderManager(ledger.lost_writer(), account, FakeClock(NOW), DEMO)
    with pytest.raises(DatabaseUnavailableError):
        orders.cancel_each(resting.left_behind([LISTED]), 5)
    assert account.asked == []
