"""The risk engine must be shown an order's worst case, and a closing order must close what is held and no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from milkbot.domain.cities import series_of
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.markets import Event, Market, MarketStatus, Strike, StrikeType
from milkbot.domain.orderbook import Level, OrderBook
from milkbot.domain.orders import Leg
from milkbot.domain.units import Cash, Count, count, price
from milkbot.risk.engine import MarketFacts
from milkbot.risk.exposure import EventLedger, OpenOrder
from milkbot.risk.portfolio import Exposure, Stake
from milkbot.risk.terms import Terms
from milkbot.trader.decide.proposals import Candidate, facts_of, proposal_of
from milkbot.trader.decide.strategy import Action, Decision, Reason
from milkbot.trader.observe.observation import CityWeather, Observed
from milkbot.weather.values import ExtremeForecast

NOW = datetime(2025, 12, 15, 16, 0, tzinfo=UTC)
EVENT, TICKER = "KXHIGHNY-25DEC16", "KXHIGHNY-25DEC16-B32.5"
STRIKE = Strike(StrikeType.BETWEEN, 32, 33)
MARKET = Market(TICKER, EVENT, STRIKE, MarketStatus.ACTIVE, NOW, NOW + timedelta(days=1), "", "", (), 0, "", "")
BOOK = OrderBook(
    TICKER,
    (Level(price("0.38"), count(10)), Level(price("0.30"), count(5))),
    (Level(price("0.60"), count("7.5")),),
    NOW - timedelta(seconds=30),
)
WEATHER = CityWeather(
    ExtremeForecast("KNYC", date(2025, 12, 16), 32.5, NOW + timedelta(hours=28), NOW - timedelta(hours=3), NOW)
)
SEEN = Observed(
    Event(EVENT, "KXHIGHNY", date(2025, 12, 16), mutually_exclusive=True, markets=(MARKET,)),
    series_of("KXHIGHNY"),
    FeeSchedule(FeeType.QUADRATIC, Decimal(1)),
    WEATHER,
    {TICKER: BOOK},
)
YES = Decision(TICKER, Action.BUY, (Reason.EDGE,), leg=Leg.YES, price=price("0.40"), count=count(20))
NO = replace(YES, leg=Leg.NO)
NOTHING = Exposure(Cash(Decimal(1000)))


def candidate(decision: Decision = YES, seen: Observed = SEEN, market: Market = MARKET) -> Candidate:
    return Candidate(seen, market, decision)


def resting(leg: Leg, contracts: str, ticker: str = TICKER) -> Exposure:
    order = OpenOrder(ticker, leg, count(contracts), Cash(Decimal("0.5")))
    return replace(NOTHING, stakes={EVENT: Stake.of(EventLedger(orders=(order,)), "NYC", "northeast")})


def test_an_order_is_proposed_at_its_limit_with_the_highest_fee() -> None:
    shown = proposal_of(candidate(), Count(Decimal(0)), NOTHING)
    # 20 x 0.40, and 0.07 x 20 x 0.40 x 0.60 = 0.336 with a step for each fill and one of the balance.
    assert shown.order.cost == Decimal(8) + Decimal("0.3362")
    assert (shown.order.ticker, shown.order.leg, shown.order.count) == (TICKER, Leg.YES, count(20))
    assert (shown.event_ticker, shown.city_code, shown.cluster) == (EVENT, "NYC", "northeast")
    assert (shown.held_after, shown.reduces) == (count(20), False)


@pytest.mark.parametrize(
    ("decision", "held", "after", "reduces"),
    [
        (YES, "30", "50", False),
        (YES, "-30", "10", True),
        (YES, "-20", "0", True),
        (YES, "-19", "1", False),
        (NO, "-30", "50", False),
        (NO, "30", "10", True),
        (NO, "20", "0", True),
        (NO, "19", "1", False),
    ],
)
def test_an_order_reduces_at_most_the_position(decision: Decision, held: str, after: str, reduces: bool) -> None:  # noqa: FBT001 - a parameter of the test
    shown = proposal_of(candidate(decision), Count(Decimal(held)), NOTHING)
    assert (shown.held_after, shown.reduces) == (Decimal(after), reduces)


def test_of_two_orders_that_close_the_same_contracts_only_one_reduces() -> None:
    held = Count(Decimal(-30))
    assert proposal_of(candidate(), held, resting(Leg.YES, "10")).reduces
    opening = proposal_of(candidate(), held, resting(Leg.YES, "11"))
    assert not opening.reduces
    assert proposal_of(candidate(), held, resting(Leg.NO, "11")).reduces
    assert proposal_of(candidate(), held, resting(Leg.YES, "11", "another")).reduces


@pytest.mark.parametrize(
    ("leg", "held", "bought", "reduces"),
    [
        (Leg.YES, "20", Leg.NO, True),
        (Leg.YES, "19", Leg.NO, False),
        (Leg.YES, "-20", Leg.NO, False),
        (Leg.NO, "-20", Leg.YES, True),
        (Leg.NO, "-19", Leg.YES, False),
        (Leg.NO, "20", Leg.YES, False),
    ],
)
def test_a_sale_is_proposed_as_the_other_leg_and_must_only_reduce(
    leg: Leg, held: str, bought: Leg, *, reduces: bool
) -> None:
    sale = replace(YES, action=Action.SELL, leg=leg, price=price("0.30"))
    shown = proposal_of(candidate(sale), Count(Decimal(held)), NOTHING)
    assert (shown.order.leg, shown.reduces, shown.reduce_only) == (bought, reduces, True)
    # 20 x 0.70, and 0.07 x 20 x 0.30 x 0.70 = 0.294 with a step for each fill and one of the balance.
    assert shown.order.cost == Decimal(14) + Decimal("0.2942")
    assert not proposal_of(candidate(), Count(Decimal(held)), NOTHING).reduce_only


def test_an_open_order_that_closes_the_same_contracts_leaves_nothing_to_sell() -> None:
    sale = replace(YES, action=Action.SELL, leg=Leg.YES)
    assert proposal_of(candidate(sale), Count(Decimal(30)), resting(Leg.NO, "10")).reduces
    assert not proposal_of(candidate(sale), Count(Decimal(30)), resting(Leg.NO, "11")).reduces


def test_open_orders_count_towards_the_size_of_the_position() -> None:
    assert proposal_of(candidate(), Count(Decimal(0)), resting(Leg.YES, "15")).held_after == 35


def test_a_decision_without_a_leg_is_refused() -> None:
    with pytest.raises(ValueError, match="names no leg or no price"):
        proposal_of(candidate(replace(YES, leg=None)), Count(Decimal(0)), NOTHING)


def test_the_markets_facts_are_those_of_its_order_book_and_forecast() -> None:
    assert facts_of(candidate(), Terms.ACCEPTED, NOW) == MarketFacts(
        active=True,
        spread=Decimal("0.02"),
        depth=count("22.5"),
        orderbook_age=timedelta(seconds=30),
        forecast_age=timedelta(hours=3),
        terms=Terms.ACCEPTED,
    )


def test_unseen_market_data_is_missing_and_never_fresh() -> None:
    blind = replace(SEEN, orderbooks={}, weather=CityWeather(None))
    facts = facts_of(candidate(seen=blind), Terms.RULES_CHANGED, NOW)
    assert facts == MarketFacts(
        active=True, spread=None, depth=count(0), orderbook_age=None, forecast_age=None, terms=Terms.RULES_CHANGED
    )


@pytest.mark.parametrize(
    ("market", "now"),
    [
        (replace(MARKET, status=MarketStatus.INACTIVE), NOW),
        (MARKET, MARKET.close_time),
        (MARKET, MARKET.open_time - timedelta(seconds=1)),
    ],
    ids=["inactive", "closed", "not open yet"],
)
def test_a_market_that_does_not_trade_is_not_active(market: Market, now: datetime) -> None:
    assert not facts_of(candidate(market=market), Terms.ACCEPTED, now).active
