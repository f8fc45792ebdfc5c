"""The risk engine: each limit refuses by its own code, and nothing else refuses with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from milkbot.domain.orders import Leg
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import Cash, Count
from milkbot.risk.engine import Conditions, MarketFacts, adds_too_much, denials
from milkbot.risk.exposure import EventLedger, Holding, OpenOrder
from milkbot.risk.limits import DENIALS, DenialCode, Limits, Reducing
from milkbot.risk.portfolio import Exposure, Proposal, Stake
from milkbot.risk.terms import Terms


def dollars(amount: str) -> Cash:
    return Cash(Decimal(amount))


def contracts(number: str) -> Count:
    return Count(Decimal(number))


LIMITS = Limits(
    trade=dollars("20"),
    event=dollars("30"),
    city=dollars("40"),
    cluster=dollars("50"),
    open_risk=dollars("100"),
    position=contracts("50"),
    spread=Decimal("0.04"),
    liquidity=Decimal(5),
    orders=10,
    orderbook_age=timedelta(seconds=120),
    forecast_age=timedelta(hours=18),
    clock_skew=timedelta(seconds=5),
)
# Twenty contracts at fifty cents all in: ten dollars.
ORDER = Proposal(
    "NY",
    "NYC",
    "northeast",
    OpenOrder("NY-1", Leg.YES, contracts("20"), dollars("0.5")),
    contracts("20"),
    reduces=False,
)
CLOSING = replace(ORDER, reduces=True)
GOOD = MarketFacts(
    active=True,
    spread=Decimal("0.04"),
    depth=contracts("100"),
    orderbook_age=timedelta(seconds=120),
    forecast_age=timedelta(hours=18),
    terms=Terms.ACCEPTED,
)
EMPTY = Exposure(dollars("1000"))
ACTIVE = Conditions(TradingState.ACTIVE, orders=9, clock_skew=timedelta(seconds=5))
JUST_OVER = timedelta(microseconds=1)


def at_stake(event: str, cost: str, city: str = "NYC", cluster: str = "northeast") -> dict[str, Stake]:
    """An event whose one position may lose what it cost."""
    held = Holding(f"{event}-9", contracts("100"), dollars(cost))
    return {event: Stake.of(EventLedger((held,)), city, cluster)}


def judge(
    proposal: Proposal = ORDER,
    market: MarketFacts = GOOD,
    exposure: Exposure = EMPTY,
    now: Conditions = ACTIVE,
) -> tuple[DenialCode, ...]:
    return denials(proposal, market, exposure, LIMITS, now)


def test_an_order_that_meets_every_limit_exactly_passes() -> None:
    exposure = replace(EMPTY, cash=dollars("10"), stakes=at_stake("NY", "20"))
    assert judge(exposure=exposure) == ()
    assert judge(replace(ORDER, held_after=contracts("50")), exposure=exposure) == ()
    dear = replace(ORDER, order=replace(ORDER.order, each=dollars("1")))
    assert judge(dear) == ()
    # The city's, the cluster's and the whole limit, each met by one cent more than the others leave.
    assert judge(exposure=replace(EMPTY, stakes=at_stake("NY2", "30"))) == ()
    assert judge(exposure=replace(EMPTY, stakes=at_stake("BOS", "40", "BOS"))) == ()
    assert judge(exposure=replace(EMPTY, stakes=at_stake("CHI", "90", "CHI", "midwest"))) == ()


def test_halted_refuses_every_order_even_one_that_reduces() -> None:
    halted = replace(ACTIVE, state=TradingState.HALTED)
    assert judge(now=halted) == judge(CLOSING, now=halted) == (DenialCode.TRADING_HALTED,)


def test_reducing_refuses_new_risk_and_allows_orders_that_reduce() -> None:
    reducing = replace(ACTIVE, state=TradingState.REDUCING)
    assert judge(now=reducing) == (DenialCode.ONLY_REDUCING,)
    assert judge(CLOSING, now=reducing) == ()


def test_a_sale_that_would_open_something_is_refused_whatever_else_holds() -> None:
    assert judge(replace(CLOSING, reduce_only=True)) == ()
    assert judge(replace(ORDER, reduce_only=True)) == (DenialCode.NOT_REDUCING,)


def test_every_order_is_refused_in_an_event_with_an_unknown_one() -> None:
    blocked = replace(EMPTY, blocked_events=frozenset({"NY"}))
    assert judge(exposure=blocked) == judge(CLOSING, exposure=blocked) == (DenialCode.EVENT_UNRESOLVED,)
    assert judge(exposure=replace(EMPTY, blocked_events=frozenset({"CHI"}))) == ()


@pytest.mark.parametrize(
    ("now", "market", "code"),
    [
        (replace(ACTIVE, exchange_open=False), GOOD, DenialCode.EXCHANGE_PAUSED),
        (ACTIVE, replace(GOOD, active=False), DenialCode.MARKET_INACTIVE),
        (replace(ACTIVE, clock_skew=timedelta(seconds=5) + JUST_OVER), GOOD, DenialCode.CLOCK_SKEW),
        (replace(ACTIVE, clock_skew=timedelta(seconds=-5) - JUST_OVER), GOOD, DenialCode.CLOCK_SKEW),
        (replace(ACTIVE, group_ready=False), GOOD, DenialCode.ORDER_GROUP_MISSING),
        (ACTIVE, replace(GOOD, orderbook_age=timedelta(seconds=120) + JUST_OVER), DenialCode.BOOK_STALE),
        (ACTIVE, replace(GOOD, orderbook_age=None), DenialCode.BOOK_STALE),
        (replace(ACTIVE, orders=10), GOOD, DenialCode.ORDER_RATE),
    ],
    ids=[
        "exchange paused",
        "market inactive",
        "clock ahead",
        "clock behind",
        "no order group",
        "book old",
        "no book",
        "order rate",
    ],
)
def test_an_order_that_cannot_be_sent_safely_is_refused_even_if_it_reduces(
    now: Conditions, market: MarketFacts, code: DenialCode
) -> None:
    assert judge(market=market, now=now) == judge(CLOSING, market, now=now) == (code,)
    assert DENIALS[code].reducing is Reducing.REFUSED


def test_an_unknown_clock_skew_refuses_no_order() -> None:
    assert judge(now=replace(ACTIVE, clock_skew=None)) == ()


@pytest.mark.parametrize(
    ("market", "code"),
    [
        (replace(GOOD, forecast_age=timedelta(hours=18) + JUST_OVER), DenialCode.FORECAST_STALE),
        (replace(GOOD, forecast_age=None), DenialCode.FORECAST_STALE),
        (replace(GOOD, terms=Terms.FEES_UNKNOWN), DenialCode.FEES_UNKNOWN),
        (replace(GOOD, terms=Terms.FEES_CHANGED), DenialCode.FEES_CHANGED),
        (replace(GOOD, terms=Terms.RULES_CHANGED), DenialCode.RULES_CHANGED),
        (replace(GOOD, spread=Decimal("0.0401")), DenialCode.SPREAD_WIDE),
        (replace(GOOD, spread=None), DenialCode.SPREAD_WIDE),
        (replace(GOOD, depth=contracts("99.99")), DenialCode.LIQUIDITY_LOW),
    ],
    ids=[
        "forecast old",
        "no forecast",
        "fees unknown",
        "fees changed",
        "rules changed",
        "spread wide",
        "no spread",
        "liquidity low",
    ],
)
def test_a_market_unfit_for_new_risk_allows_only_orders_that_reduce(market: MarketFacts, code: DenialCode) -> None:
    assert judge(market=market) == (code,)
    assert judge(CLOSING, market) == ()
    assert DENIALS[code].reducing is Reducing.PASSES


@pytest.mark.parametrize(
    ("proposal", "exposure", "code"),
    [
        (ORDER, replace(EMPTY, cash=dollars("9.99")), DenialCode.BALANCE_TOO_LOW),
        (
            replace(ORDER, order=replace(ORDER.order, each=dollars("1.0001"))),
            EMPTY,
            DenialCode.TRADE_RISK,
        ),
        (replace(ORDER, held_after=contracts("50.01")), EMPTY, DenialCode.POSITION_SIZE),
    ],
    ids=["balance", "trade", "position"],
)
def test_each_order_limit_has_its_code_and_allows_orders_that_reduce(
    proposal: Proposal, exposure: Exposure, code: DenialCode
) -> None:
    assert judge(proposal, exposure=exposure) == (code,)
    assert judge(replace(proposal, reduces=True), exposure=exposure) == ()
    assert DENIALS[code].reducing is Reducing.PASSES


OVER = [
    (at_stake("NY", "20.01"), DenialCode.EVENT_RISK),
    (at_stake("NY2", "30.01"), DenialCode.CITY_EXPOSURE),
    (at_stake("BOS", "40.01", "BOS"), DenialCode.CLUSTER_EXPOSURE),
    (at_stake("CHI", "90.01", "CHI", "midwest"), DenialCode.OPEN_RISK),
]


@pytest.mark.parametrize(("stakes", "code"), OVER, ids=["event", "city", "cluster", "open risk"])
def test_each_risk_limit_has_its_code_and_refuses_even_reducing_orders_that_add_risk(
    stakes: dict[str, Stake], code: DenialCode
) -> None:
    exposure = replace(EMPTY, stakes=stakes)
    assert judge(exposure=exposure) == judge(CLOSING, exposure=exposure) == (code,)
    assert adds_too_much(CLOSING, exposure, LIMITS)
    assert DENIALS[code].reducing is Reducing.REFUSED_WITH_MORE_RISK


def test_above_a_limit_a_reducing_order_that_adds_no_risk_is_allowed() -> None:
    held = Holding("NY-1", contracts("-20"), dollars("10"))
    over = Stake.of(EventLedger((held, Holding("NY-2", contracts("100"), dollars("95")))), "NYC", "northeast")
    exposure = replace(EMPTY, stakes={"NY": over})
    closing = replace(CLOSING, order=replace(CLOSING.order, each=dollars("0.5")))
    assert exposure.with_order(closing).total == exposure.total == 105
    assert judge(closing, exposure=exposure) == ()
    assert not adds_too_much(closing, exposure, LIMITS)


def test_closing_a_hedge_is_allowed_while_the_event_keeps_its_limits() -> None:
    # Two NO of three pay whichever bracket wins. Without the one that is sold, NY-2 loses its whole cost.
    def hedged(at: str) -> Exposure:
        held = tuple(Holding(f"NY-{number}", contracts("-100"), dollars(at)) for number in (1, 2))
        return replace(EMPTY, stakes={"NY": Stake.of(EventLedger(held), "NYC", "northeast")})

    closing = replace(CLOSING, order=replace(CLOSING.order, count=contracts("100"), each=dollars("0.1")))
    assert hedged("30").total == 0
    assert hedged("30").with_order(closing).total == 30
    assert not adds_too_much(closing, hedged("30"), LIMITS)
    assert judge(closing, exposure=hedged("30")) == ()
    assert judge(closing, exposure=hedged("31")) == (DenialCode.EVENT_RISK,)


def test_every_reason_is_reported_at_once() -> None:
    exposure = replace(EMPTY, cash=dollars("0"), stakes=at_stake("NY", "100"))
    worst = MarketFacts(
        active=False, spread=None, depth=contracts("0"), orderbook_age=None, forecast_age=None, terms=Terms.FEES_UNKNOWN
    )
    now = Conditions(
        TradingState.ACTIVE, orders=11, exchange_open=False, clock_skew=timedelta(minutes=1), group_ready=False
    )
    huge = replace(ORDER, order=replace(ORDER.order, count=contracts("100")), held_after=contracts("100"))
    told = set(judge(huge, worst, exposure, now))
    told |= {DenialCode.TRADING_HALTED, DenialCode.ONLY_REDUCING, DenialCode.EVENT_UNRESOLVED}
    assert told | {DenialCode.NOT_REDUCING, DenialCode.FEES_CHANGED, DenialCode.RULES_CHANGED} == set(DenialCode)


def test_two_orders_of_one_tick_count_together() -> None:
    twelve = replace(ORDER, order=replace(ORDER.order, count=contracts("24")))
    after_two = EMPTY.with_order(twelve).with_order(twelve)
    assert after_two.cash == Decimal(976)
    assert judge(exposure=after_two) == (DenialCode.EVENT_RISK,)
    assert ACTIVE.after_order() == replace(ACTIVE, orders=10)
    assert judge(now=ACTIVE.after_order()) == (DenialCode.ORDER_RATE,)


def test_a_hedge_within_an_event_counts_at_the_worst_outcome() -> None:
    held = Holding("NY-2", contracts("-20"), dollars("16"))
    exposure = replace(EMPTY, stakes={"NY": Stake.of(EventLedger((held,)), "NYC", "northeast")})
    no_of_another = replace(ORDER, order=OpenOrder("NY-1", Leg.NO, contracts("20"), dollars("0.8")))
    # Either bracket loses, not both: 16 of one lost, and at worst the other order does not fill.
    assert exposure.with_order(no_of_another).by_event == {"NY": Decimal(16)}
    assert judge(no_of_another, exposure=exposure) == ()


def test_exposure_adds_up_by_city_by_cluster_and_in_total() -> None:
    exposure = Exposure(
        dollars("0"),
        {
            **at_stake("NY", "1"),
            **at_stake("NY2", "2"),
            **at_stake("BOS", "4", "BOS"),
            **at_stake("CHI", "8", "CHI", "midwest"),
        },
    )
    assert exposure.by_event == {"NY": 1, "NY2": 2, "BOS": 4, "CHI": 8}
    assert exposure.by_city == {"NYC": 3, "BOS": 4, "CHI": 8}
    assert exposure.by_cluster == {"northeast": 7, "midwest": 8}
    assert exposure.total == 15
    assert Exposure(dollars("0")).total == 0


def test_half_size_halves_order_limits_and_not_existing_exposure() -> None:
    half = LIMITS.sized(Decimal("0.5"))
    assert half == replace(LIMITS, trade=dollars("10"), position=contracts("25"))
    assert denials(ORDER, GOOD, EMPTY, half, ACTIVE) == ()
    more = replace(ORDER, order=replace(ORDER.order, each=dollars("0.5001")))
    assert denials(more, GOOD, EMPTY, half, ACTIVE) == (DenialCode.TRADE_RISK,)
