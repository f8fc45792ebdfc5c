"""A sale of what pays for the rest of its event asks for no more than the risk engine lets go."""

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
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import Cash, Count, count, price
from milkbot.risk.engine import Conditions, denials
from milkbot.risk.exposure import EventLedger, Holding
from milkbot.risk.limits import DenialCode, Limits
from milkbot.risk.portfolio import Exposure, Stake
from milkbot.risk.terms import Terms
from milkbot.trader.decide.approval import sized_sales
from milkbot.trader.decide.proposals import Candidate, facts_of, proposal_of
from milkbot.trader.decide.strategy import Action, Decision, Reason
from milkbot.trader.observe.observation import CityWeather, Observed

NOW = datetime(2025, 12, 16, 16, 0, tzinfo=UTC)
EVENT = "KXHIGHNY-25DEC16"
ONE, OTHER, THIRD = f"{EVENT}-B32.5", f"{EVENT}-B34.5", f"{EVENT}-B36.5"
MARKETS = tuple(
    Market(
        ticker,
        EVENT,
        Strike(StrikeType.BETWEEN, low, low + 1),
        MarketStatus.ACTIVE,
        NOW - timedelta(days=1),
        NOW + timedelta(hours=9),
        "",
        "",
        (),
        0,
        "",
        "",
    )
    for ticker, low in ((ONE, 32), (OTHER, 34), (THIRD, 36))
)
BOOKS = {
    ticker: OrderBook(ticker, (Level(price("0.55"), count(500)),), (Level(price("0.40"), count(500)),), NOW)
    for ticker in (ONE, OTHER, THIRD)
}
SEEN = Observed(
    Event(EVENT, "KXHIGHNY", date(2025, 12, 16), mutually_exclusive=True, markets=MARKETS),
    series_of("KXHIGHNY"),
    FeeSchedule(FeeType.QUADRATIC, Decimal(1)),
    CityWeather(None),
    BOOKS,
)
FIFTY = count(50)
# NO of both: only one can lose, and then the other pays for it.
HELD = {ONE: Count(-FIFTY), OTHER: Count(-FIFTY)}
COSTS = Cash(Decimal(25))
LEDGER = EventLedger((Holding(ONE, HELD[ONE], COSTS), Holding(OTHER, HELD[OTHER], COSTS)))
EXPOSURE = Exposure(Cash(Decimal(1000)), {EVENT: Stake.of(LEDGER, "NYC", "northeast")})
ENOUGH = Cash(Decimal(10_000))
LIMITS = Limits(
    trade=ENOUGH,
    event=Cash(Decimal(15)),
    city=ENOUGH,
    cluster=ENOUGH,
    open_risk=ENOUGH,
    position=count(200),
    spread=Decimal("0.1"),
    liquidity=Decimal(1),
    orders=10,
    orderbook_age=timedelta(minutes=2),
    forecast_age=timedelta(hours=18),
    clock_skew=timedelta(seconds=5),
)


def sale(ticker: str, gain: str = "0.10") -> Candidate:
    market = next(market for market in MARKETS if market.ticker == ticker)
    decided = Decision(
        ticker,
        Action.SELL,
        (Reason.EXIT_EDGE_GONE,),
        0.9,
        leg=Leg.NO,
        price=price("0.40"),
        edge=Decimal(gain),
        count=FIFTY,
    )
    return Candidate(SEEN, market, decided)


def refused(candidate: Candidate, exposure: Exposure, limits: Limits) -> tuple[DenialCode, ...]:
    proposal = proposal_of(candidate, HELD[candidate.market.ticker], exposure)
    facts = facts_of(candidate, Terms.ACCEPTED, NOW)
    return denials(proposal, facts, exposure, limits, Conditions(TradingState.ACTIVE))


def resized(candidate: Candidate, contracts: Count) -> Candidate:
    return replace(candidate, decision=replace(candidate.decision, count=contracts))


def test_the_whole_sale_would_be_denied_here() -> None:
    assert EXPOSURE.total == 0
    assert refused(sale(ONE), EXPOSURE, LIMITS) == (DenialCode.EVENT_RISK,)


def test_a_sale_is_lowered_to_the_most_that_the_limits_let_go() -> None:
    (found,) = sized_sales([sale(ONE)], HELD, EXPOSURE, LIMITS)
    assert (found.decision.action, found.decision.reasons) == (
        Action.SELL,
        (Reason.EXIT_EDGE_GONE, Reason.EXIT_ADDS_RISK),
    )
    assert 1 <= found.decision.count < FIFTY
    assert refused(found, EXPOSURE, LIMITS) == ()
    one_more = resized(found, Count(found.decision.count + 1))
    assert refused(one_more, EXPOSURE, LIMITS) == (DenialCode.EVENT_RISK,)


def test_a_sale_of_which_nothing_may_go_is_held_with_its_reason() -> None:
    (found,) = sized_sales([sale(ONE)], HELD, EXPOSURE, replace(LIMITS, event=Cash(Decimal("0.1"))))
    assert (found.decision.action, found.decision.reasons) == (Action.HOLD, (Reason.EXIT_ADDS_RISK,))
    assert found.decision.count == 0


WIDE = replace(LIMITS, event=ENOUGH)
FIFTEEN = Cash(Decimal(15))


def test_a_sale_within_the_limits_is_whole() -> None:
    assert sized_sales([sale(ONE)], HELD, EXPOSURE, WIDE) == (sale(ONE),)


@pytest.mark.parametrize(
    "limits", [replace(WIDE, city=FIFTEEN), replace(WIDE, cluster=FIFTEEN), replace(WIDE, open_risk=FIFTEEN)]
)
def test_each_limit_of_what_is_at_risk_counts(limits: Limits) -> None:
    (found,) = sized_sales([sale(ONE)], HELD, EXPOSURE, limits)
    assert 1 <= found.decision.count < FIFTY


def test_sales_of_one_event_share_its_limit_the_best_first() -> None:
    # Without two of three the outcome of the third has nothing that pays for it.
    held = {**HELD, THIRD: Count(-FIFTY)}
    stake = Stake.of(
        replace(LEDGER, holdings=(*LEDGER.holdings, Holding(THIRD, held[THIRD], COSTS))), "NYC", "northeast"
    )
    exposure = replace(EXPOSURE, stakes={EVENT: stake})
    first, second = sized_sales([sale(ONE, "0.10"), sale(OTHER, "0.20")], held, exposure, LIMITS)
    assert (first.market.ticker, second) == (ONE, sale(OTHER, "0.20"))
    assert 0 < first.decision.count < FIFTY
    assert sized_sales([sale(ONE, "0.10")], held, exposure, LIMITS) == (sale(ONE, "0.10"),)
    before = exposure.with_order(proposal_of(second, held[OTHER], exposure))
    assert refused(first, before, LIMITS) == ()
    assert refused(resized(first, Count(first.decision.count + 1)), before, LIMITS) == (DenialCode.EVENT_RISK,)


def test_what_is_no_sale_is_left_as_it_is() -> None:
    bought = replace(sale(ONE), decision=replace(sale(ONE).decision, action=Action.BUY, reasons=(Reason.EDGE,)))
    assert sized_sales([bought], HELD, EXPOSURE, LIMITS) == (bought,)
