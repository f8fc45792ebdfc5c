"""The strategy: a decision for every market, each with its reason; a missing input never becomes a trade."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from milkbot.domain.cities import city_of_series
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.markets import Event, Market, MarketStatus, PriceRange, Strike, StrikeType
from milkbot.domain.orderbook import Level, OrderBook
from milkbot.domain.orders import Leg
from milkbot.domain.units import Cash, Count, Price
from milkbot.sizing.fraction import SizingRules
from milkbot.trader.decide.strategy import Action, Decision, EventView, Reason, StrategyRules, decide, yes_price
from milkbot.trader.refused import LeftAlone
from milkbot.weather.values import HighForecast

NOW = datetime(2025, 12, 15, 16, 0, tzinfo=UTC)
DAY = date(2025, 12, 16)
EVENT = "KXHIGHNY-25DEC16"
RULES = StrategyRules(
    min_edge=Decimal("0.03"),
    min_price=Decimal("0.10"),
    max_spread=Decimal("0.04"),
    max_gap=Decimal("0.35"),
    max_orderbook_age=timedelta(seconds=120),
    max_forecast_age=timedelta(hours=18),
    sizing=SizingRules(Decimal("0.25"), Cash(Decimal("19.84")), Count(Decimal(200))),
    wealth=Cash(Decimal("992.10")),
)
STRIKES = (
    Strike(StrikeType.LESS, cap=30),
    Strike(StrikeType.BETWEEN, floor=30, cap=31),
    Strike(StrikeType.BETWEEN, floor=32, cap=33),
    Strike(StrikeType.GREATER, floor=33),
)


def market(number: int, strike: Strike) -> Market:
    return Market(
        ticker=f"{EVENT}-M{number}",
        event_ticker=EVENT,
        strike=strike,
        status=MarketStatus.ACTIVE,
        open_time=NOW - timedelta(hours=1),
        close_time=NOW + timedelta(days=1),
        title="",
        rules_primary="the highest temperature recorded in Central Park, New York for the day",
        price_ranges=(PriceRange(Price(Decimal(0)), Price(Decimal(1)), Price(Decimal("0.01"))),),
        exchange_index=0,
        result="",
        expiration_value="",
    )


def orderbook(ticker: str, bid: str | None, ask: str | None, size: int = 100) -> OrderBook:
    def level(at: Decimal) -> tuple[Level, ...]:
        return (Level(Price(at), Count(Decimal(size))),)

    return OrderBook(
        ticker,
        level(Decimal(bid)) if bid else (),
        level(1 - Decimal(ask)) if ask else (),
        NOW,
    )


@pytest.fixture
def view() -> EventView:
    """A forecast of 32.5 F a day ahead; the bracket 32-33 is offered far below its probability of about 0.29."""
    markets = tuple(market(number, strike) for number, strike in enumerate(STRIKES))
    return EventView(
        event=Event(EVENT, "KXHIGHNY", DAY, mutually_exclusive=True, markets=markets),
        city=city_of_series("KXHIGHNY"),
        fees=FeeSchedule(FeeType.QUADRATIC, Decimal(1)),
        forecast=HighForecast("KNYC", DAY, 32.5, NOW - timedelta(hours=3), NOW),
        observed_max_f=None,
        orderbooks={one.ticker: orderbook(one.ticker, "0.14", "0.16") for one in markets},
        held={},
    )


def third(view: EventView, rules: StrategyRules = RULES) -> Decision:
    return decide(view, rules, NOW)[2]


def test_an_edge_is_bought_at_the_ask_and_not_at_the_mid(view: EventView) -> None:
    decision = third(view)
    assert (decision.action, decision.leg, decision.price) == (Action.BUY, Leg.YES, Price(Decimal("0.16")))
    assert decision.p_yes is not None
    fee = Decimal("0.0095")  # 0.07 x 0.16 x 0.84 = 0.009408, aligned up
    assert decision.edge == Decimal(decision.p_yes).quantize(Decimal("0.0001")) - Decimal("0.16") - fee
    assert 0 < decision.count * Decimal("0.16") <= Decimal("19.84")


def test_an_overpriced_bracket_is_sold_by_buying_no_at_one_minus_the_bid(view: EventView) -> None:
    ticker = f"{EVENT}-M2"
    decision = third(replace(view, orderbooks={**view.orderbooks, ticker: orderbook(ticker, "0.50", "0.52")}))
    assert (decision.action, decision.leg, decision.price) == (Action.BUY, Leg.NO, Price(Decimal("0.50")))
    assert yes_price(Leg.NO, Price(Decimal("0.48"))) == Decimal("0.52")


def test_a_market_that_refused_an_order_is_held_until_its_time_is_over(view: EventView) -> None:
    ticker = f"{EVENT}-M2"
    refused = LeftAlone(NOW + timedelta(minutes=30), "trading_is_paused")
    decision = third(replace(view, left_alone={ticker: refused}))
    assert (decision.action, decision.reasons) == (Action.HOLD, (Reason.REFUSED_LATELY,))
    assert decision.left_alone == refused
    other = third(replace(view, left_alone={f"{EVENT}-M1": refused}))
    assert (other.action, other.left_alone) == (Action.BUY, None)


def test_every_market_gets_a_decision_with_a_reason(view: EventView) -> None:
    decisions = decide(view, RULES, NOW)
    assert [decision.ticker for decision in decisions] == [one.ticker for one in view.event.markets]
    assert all(decision.reasons for decision in decisions)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"forecast": None}, Reason.FORECAST_MISSING),
        ({"forecast": HighForecast("KNYC", DAY, 32.5, NOW - timedelta(hours=19), NOW)}, Reason.FORECAST_STALE),
        ({"orderbooks": {}}, Reason.BOOK_MISSING),
        ({"orderbooks": {f"{EVENT}-M2": orderbook(f"{EVENT}-M2", None, "0.16")}}, Reason.SIDE_EMPTY),
        ({"orderbooks": {f"{EVENT}-M2": orderbook(f"{EVENT}-M2", "0.14", None)}}, Reason.SIDE_EMPTY),
        ({"orderbooks": {f"{EVENT}-M2": orderbook(f"{EVENT}-M2", "0.11", "0.16")}}, Reason.SPREAD_WIDE),
        ({"orderbooks": {f"{EVENT}-M2": orderbook(f"{EVENT}-M2", "0.27", "0.29")}}, Reason.EDGE_SMALL),
        ({"orderbooks": {f"{EVENT}-M2": orderbook(f"{EVENT}-M2", "0.07", "0.09")}}, Reason.PRICE_LOW),
        ({"orderbooks": {f"{EVENT}-M2": orderbook(f"{EVENT}-M2", "0.84", "0.86")}}, Reason.GAP_IMPLAUSIBLE),
        ({"held": {f"{EVENT}-M2": Count(Decimal(200))}}, Reason.TARGET_HELD),
    ],
)
def test_a_market_with_missing_or_invalid_data_is_not_traded(
    view: EventView, change: dict[str, object], reason: Reason
) -> None:
    decision = third(replace(view, **change))  # type: ignore[arg-type]  # one field each, by name
    assert (decision.action, decision.reasons) == (Action.HOLD, (reason,))


def test_a_stale_order_book_is_not_traded(view: EventView) -> None:
    assert decide(view, RULES, NOW + timedelta(seconds=121))[2].reasons == (Reason.BOOK_STALE,)


def test_a_market_of_another_station_is_not_traded(view: EventView) -> None:
    strange = tuple(replace(one, rules_primary="recorded at Chicago O'Hare") for one in view.event.markets)
    decision = third(replace(view, event=replace(view.event, markets=strange)))
    assert decision.reasons == (Reason.RULES_UNKNOWN,)


@pytest.mark.parametrize("status", [MarketStatus.INACTIVE, MarketStatus.CLOSED, MarketStatus.INITIALIZED])
def test_a_market_that_is_not_active_is_not_traded(view: EventView, status: MarketStatus) -> None:
    closed = tuple(replace(one, status=status) for one in view.event.markets)
    assert third(replace(view, event=replace(view.event, markets=closed))).reasons == (Reason.MARKET_NOT_ACTIVE,)


def test_only_the_size_of_the_best_level_is_bought(view: EventView) -> None:
    ticker = f"{EVENT}-M2"
    thin = replace(view, orderbooks={**view.orderbooks, ticker: orderbook(ticker, "0.14", "0.16", size=3)})
    assert third(thin).count == 3
    empty = replace(view, orderbooks={**view.orderbooks, ticker: orderbook(ticker, "0.14", "0.16", size=0)})
    assert third(empty).action is Action.HOLD


def test_held_contracts_are_not_bought_again(view: EventView) -> None:
    ticker = f"{EVENT}-M2"
    deep = replace(view, orderbooks={ticker: orderbook(ticker, "0.14", "0.16", size=1000)})
    whole = third(deep).count
    part = third(replace(deep, held={ticker: Count(Decimal(10))})).count
    assert part == whole - 10
