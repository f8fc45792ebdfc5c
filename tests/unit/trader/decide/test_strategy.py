"""The strategy: a decision for every market, each with its reason; a missing input never becomes a trade."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.unit.trader.decide.quotes import RULES as QUOTES

from milkbot.domain.cities import series_of
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.markets import Event, Market, MarketStatus, PriceRange, Strike, StrikeType
from milkbot.domain.orderbook import Level, OrderBook
from milkbot.domain.orders import Leg
from milkbot.domain.units import Cash, Count, Price
from milkbot.settings import Settings
from milkbot.sizing.evidence import Standing
from milkbot.sizing.fraction import SizingRules
from milkbot.trader.decide import strategy
from milkbot.trader.decide.forecasts import Forecasters
from milkbot.trader.decide.rules import floor_of
from milkbot.trader.decide.strategy import (
    Action,
    Decision,
    EventForecast,
    EventView,
    Floor,
    Reason,
    StrategyRules,
    yes_price,
)
from milkbot.trader.observe.observation import CityWeather, Observed
from milkbot.trader.refused import LeftAlone
from milkbot.weather.errors import ElsewhereError, WeatherReadError
from milkbot.weather.measured import OLDEST, Measured
from milkbot.weather.values import ExtremeForecast, Observation

NOW = datetime(2025, 12, 15, 16, 0, tzinfo=UTC)
DAY = date(2025, 12, 16)
EVENT = "KXHIGHNY-25DEC16"
RULES = StrategyRules(
    min_edge=Decimal("0.03"),
    exit_margin=Decimal("0.01"),
    min_price=Decimal("0.10"),
    max_spread=Decimal("0.04"),
    max_gap=Decimal("0.35"),
    max_orderbook_age=timedelta(seconds=120),
    sizing=SizingRules(Decimal("0.25"), Cash(Decimal("19.84")), Count(Decimal(200))),
    wealth=Cash(Decimal("992.10")),
)
STRIKES = (
    Strike(StrikeType.LESS, cap=30),
    Strike(StrikeType.BETWEEN, floor=30, cap=31),
    Strike(StrikeType.BETWEEN, floor=32, cap=33),
    Strike(StrikeType.GREATER, floor=33),
)


AFTERNOON = datetime(2025, 12, 16, 20, tzinfo=UTC)
FORECAST = CityWeather(ExtremeForecast("KNYC", DAY, 32.5, AFTERNOON, NOW - timedelta(hours=3), NOW))


@dataclass(frozen=True, slots=True)
class Watched(EventView):
    """An event, with the weather that its forecast is made of."""

    weather: CityWeather = FORECAST


def decide(view: Watched, rules: StrategyRules, now: datetime) -> tuple[Decision, ...]:
    """The decisions by the forecaster `normal`."""
    seen = Observed(view.event, view.series, view.fees, view.weather, view.orderbooks)
    forecast = Forecasters(Settings(forecaster="normal")).live([seen], now)[view.event.ticker].decided_by
    return strategy.decide(replace(view, forecast=forecast), rules, now)


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
def view() -> Watched:
    """A forecast of 32.5 F a day ahead; the bracket 32-33 is offered far below its probability of about 0.29."""
    markets = tuple(market(number, strike) for number, strike in enumerate(STRIKES))
    return Watched(
        event=Event(EVENT, "KXHIGHNY", DAY, mutually_exclusive=True, markets=markets),
        series=series_of("KXHIGHNY"),
        fees=FeeSchedule(FeeType.QUADRATIC, Decimal(1)),
        forecast=EventForecast(None),
        orderbooks={one.ticker: orderbook(one.ticker, "0.14", "0.16") for one in markets},
        held={},
    )


def third(view: Watched, rules: StrategyRules = RULES) -> Decision:
    return decide(view, rules, NOW)[2]


def test_an_edge_is_bought_at_the_ask_and_not_at_the_mid(view: Watched) -> None:
    decision = third(view)
    assert (decision.action, decision.leg, decision.price) == (Action.BUY, Leg.YES, Price(Decimal("0.16")))
    assert decision.p_yes is not None
    fee = Decimal("0.0095")  # 0.07 x 0.16 x 0.84 = 0.009408, aligned up
    assert decision.edge == Decimal(decision.p_yes).quantize(Decimal("0.0001")) - Decimal("0.16") - fee
    assert 0 < decision.count * Decimal("0.16") <= Decimal("19.84")


def test_an_overpriced_bracket_is_sold_by_buying_no_at_one_minus_the_bid(view: Watched) -> None:
    ticker = f"{EVENT}-M2"
    decision = third(replace(view, orderbooks={**view.orderbooks, ticker: orderbook(ticker, "0.50", "0.52")}))
    assert (decision.action, decision.leg, decision.price) == (Action.BUY, Leg.NO, Price(Decimal("0.50")))
    assert yes_price(Leg.NO, Price(Decimal("0.48"))) == Decimal("0.52")


def test_a_market_that_refused_an_order_is_held_until_its_time_is_over(view: Watched) -> None:
    ticker = f"{EVENT}-M2"
    refused = LeftAlone(NOW + timedelta(minutes=30), "trading_is_paused")
    decision = third(replace(view, left_alone={ticker: refused}))
    assert (decision.action, decision.reasons) == (Action.HOLD, (Reason.REFUSED_LATELY,))
    assert decision.left_alone == refused
    other = third(replace(view, left_alone={f"{EVENT}-M1": refused}))
    assert (other.action, other.left_alone) == (Action.BUY, None)


def test_every_market_gets_a_decision_with_a_reason(view: Watched) -> None:
    decisions = decide(view, RULES, NOW)
    assert [decision.ticker for decision in decisions] == [one.ticker for one in view.event.markets]
    assert all(decision.reasons for decision in decisions)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weather": CityWeather(None)}, Reason.FORECAST_MISSING),
        ({"weather": CityWeather(None, forecast_error=WeatherReadError("HTTP 500"))}, Reason.FORECAST_MISSING),
        ({"weather": CityWeather(None, forecast_error=ElsewhereError("at sea"))}, Reason.FORECAST_ELSEWHERE),
        (
            {"weather": CityWeather(ExtremeForecast("KNYC", DAY, 32.5, AFTERNOON, NOW - timedelta(hours=19), NOW))},
            Reason.FORECAST_STALE,
        ),
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
    view: Watched, change: dict[str, object], reason: Reason
) -> None:
    decision = third(replace(view, **change))  # type: ignore[arg-type]  # one field each, by name
    assert (decision.action, decision.reasons) == (Action.HOLD, (reason,))


def measuring(start: datetime, *readings: tuple[datetime, float]) -> CityWeather:
    """The forecast, and what the station measured."""
    kept = tuple(Observation("KNYC", moment, value, "V") for moment, value in readings)
    return replace(FORECAST, measured=Measured(start, kept))


def today(view: Watched, hours: float, weather: CityWeather) -> Decision:
    """The decision so many hours into the climate day, with books that are fresh then."""
    start, _ = view.city.day_bounds(DAY)
    now = start + timedelta(hours=hours)
    fresh = {ticker: replace(book, captured_at=now) for ticker, book in view.orderbooks.items()}
    forecast = weather.forecast and replace(weather.forecast, issued_at=now - timedelta(hours=3))
    markets = tuple(replace(one, close_time=now + timedelta(hours=1)) for one in view.event.markets)
    event = replace(view.event, markets=markets)
    seen = replace(view, event=event, orderbooks=fresh, weather=replace(weather, forecast=forecast))
    return decide(seen, RULES, now)[2]


@pytest.mark.parametrize("error", [None, WeatherReadError("HTTP 500")])
def test_a_day_that_has_begun_is_held_where_its_measurements_could_not_be_read(
    view: Watched, error: WeatherReadError | None
) -> None:
    decision = today(view, 6, replace(FORECAST, observation_error=error))
    assert (decision.action, decision.reasons) == (Action.HOLD, (Reason.OBSERVATION_UNAVAILABLE,))


def test_a_day_that_has_begun_is_held_without_any_measurement(view: Watched) -> None:
    start, _ = view.city.day_bounds(DAY)
    decision = today(view, 6, measuring(start))
    assert (decision.action, decision.reasons) == (Action.HOLD, (Reason.OBSERVATION_MISSING,))


@pytest.mark.parametrize(("age", "held"), [(OLDEST, False), (OLDEST + timedelta(seconds=1), True)])
def test_a_day_that_has_begun_is_held_once_the_newest_measurement_is_old(
    view: Watched, age: timedelta, *, held: bool
) -> None:
    start, _ = view.city.day_bounds(DAY)
    decision = today(view, 6, measuring(start, (start + timedelta(hours=6) - age, 31.0)))
    assert (decision.reasons == (Reason.OBSERVATION_STALE,)) is held
    assert (decision.p_yes is None) is held


def test_the_first_hour_of_a_day_needs_no_measurement_of_it_where_the_station_reports(view: Watched) -> None:
    start, _ = view.city.day_bounds(DAY)
    decision = today(view, 0.5, measuring(start, (start - timedelta(minutes=9), 60.0)))
    assert decision.action is Action.BUY, "yesterday's 60 degrees are no maximum of today"


@pytest.mark.parametrize("hours", [-0.01, -5.0])
def test_tomorrow_needs_no_measurement(view: Watched, hours: float) -> None:
    assert today(view, hours, FORECAST).action is Action.BUY


def test_a_forecast_problem_comes_before_one_of_the_measurements(view: Watched) -> None:
    assert today(view, 6, CityWeather(None)).reasons == (Reason.FORECAST_MISSING,)


def test_what_was_measured_makes_lower_brackets_impossible(view: Watched) -> None:
    start, _ = view.city.day_bounds(DAY)
    assert today(view, 6, measuring(start, (start + timedelta(hours=5.5), 35.0))).p_yes == 0.0


def test_a_stale_order_book_is_not_traded(view: Watched) -> None:
    assert decide(view, RULES, NOW + timedelta(seconds=121))[2].reasons == (Reason.BOOK_STALE,)


def test_a_market_of_another_station_is_not_traded(view: Watched) -> None:
    strange = tuple(replace(one, rules_primary="recorded at Chicago O'Hare") for one in view.event.markets)
    decision = third(replace(view, event=replace(view.event, markets=strange)))
    assert decision.reasons == (Reason.RULES_UNKNOWN,)


@pytest.mark.parametrize("status", [MarketStatus.INACTIVE, MarketStatus.CLOSED, MarketStatus.INITIALIZED])
def test_a_market_that_is_not_active_is_not_traded(view: Watched, status: MarketStatus) -> None:
    closed = tuple(replace(one, status=status) for one in view.event.markets)
    assert third(replace(view, event=replace(view.event, markets=closed))).reasons == (Reason.MARKET_NOT_ACTIVE,)


def test_only_the_size_of_the_best_level_is_bought(view: Watched) -> None:
    ticker = f"{EVENT}-M2"
    thin = replace(view, orderbooks={**view.orderbooks, ticker: orderbook(ticker, "0.14", "0.16", size=3)})
    assert third(thin).count == 3
    empty = replace(view, orderbooks={**view.orderbooks, ticker: orderbook(ticker, "0.14", "0.16", size=0)})
    assert third(empty).action is Action.HOLD


def test_held_contracts_are_not_bought_again(view: Watched) -> None:
    ticker = f"{EVENT}-M2"
    deep = replace(view, orderbooks={ticker: orderbook(ticker, "0.14", "0.16", size=1000)})
    whole = third(deep).count
    part = third(replace(deep, held={ticker: Count(Decimal(10))})).count
    assert part == whole - 10


def held(view: Watched, contracts: str, bid: str, ask: str, size: int = 100) -> Watched:
    """A position in the bracket 32-33, whose probability is about 0.29, and what the market offers for it."""
    ticker = f"{EVENT}-M2"
    books = {**view.orderbooks, ticker: orderbook(ticker, bid, ask, size)}
    return replace(view, held={ticker: Count(Decimal(contracts))}, orderbooks=books)


def test_a_held_yes_is_sold_at_its_bid_when_its_edge_is_gone(view: Watched) -> None:
    decision = third(held(view, "30", "0.40", "0.42"))
    assert (decision.action, decision.reasons) == (Action.SELL, (Reason.EXIT_EDGE_GONE,))
    assert (decision.leg, decision.price, decision.count) == (Leg.YES, Price(Decimal("0.40")), Count(Decimal(30)))
    assert decision.p_yes is not None
    # 0.07 x 0.40 x 0.60 = 0.0168
    assert decision.edge == Decimal("0.3832") - Decimal(decision.p_yes).quantize(Decimal("0.0001"))
    assert decision.bought == (Leg.NO, Decimal("0.60"))


def test_a_held_no_is_sold_at_its_own_bid_when_its_edge_is_gone(view: Watched) -> None:
    decision = third(held(view, "-30", "0.14", "0.16"))
    assert (decision.action, decision.reasons) == (Action.SELL, (Reason.EXIT_EDGE_GONE,))
    assert (decision.leg, decision.price, decision.count) == (Leg.NO, Price(Decimal("0.84")), Count(Decimal(30)))
    assert decision.bought == (Leg.YES, Decimal("0.16"))


def test_a_decision_to_buy_buys_the_leg_that_it_names(view: Watched) -> None:
    assert third(view).bought == (Leg.YES, Decimal("0.16"))
    with pytest.raises(ValueError, match="the decision to hold M names no leg or no price"):
        assert Decision("M", Action.HOLD, (Reason.SPREAD_WIDE,)).bought


def test_the_other_leg_is_not_taken_while_one_is_held(view: Watched) -> None:
    """It would close a position and open another one in one order; a sale that does not pay for the spread is none."""
    wide = replace(RULES, exit_margin=Decimal("0.08"))
    decision = third(held(view, "30", "0.40", "0.42"), wide)
    assert (decision.action, decision.reasons) == (Action.HOLD, (Reason.OTHER_LEG_HELD,))
    assert decision.leg is Leg.NO
    flat = third(replace(held(view, "30", "0.40", "0.42"), held={}), wide)
    assert (flat.action, flat.leg) == (Action.BUY, Leg.NO)


def test_a_resting_order_may_bid_for_the_other_leg_of_what_is_held(view: Watched) -> None:
    """Waiting for a better price is the cheaper way out, where a sale does not pay."""
    patient = replace(RULES, exit_margin=Decimal("0.08"), quotes=QUOTES)
    decision = third(held(view, "30", "0.40", "0.42"), patient)
    assert (decision.action, decision.leg) == (Action.BUY, Leg.NO)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weather": CityWeather(None)}, Reason.FORECAST_MISSING),
        ({"orderbooks": {}}, Reason.BOOK_MISSING),
        ({"orderbooks": {f"{EVENT}-M2": orderbook(f"{EVENT}-M2", "0.40", None)}}, Reason.SIDE_EMPTY),
        ({"orderbooks": {f"{EVENT}-M2": orderbook(f"{EVENT}-M2", "0.84", "0.86")}}, Reason.GAP_IMPLAUSIBLE),
        ({"others_orders": frozenset({f"{EVENT}-M2"})}, Reason.ORDER_OPEN),
        ({"open_orders": frozenset({f"{EVENT}-M2"})}, Reason.ORDER_OPEN),
        (
            {"left_alone": {f"{EVENT}-M2": LeftAlone(NOW + timedelta(minutes=5), "market_inactive")}},
            Reason.REFUSED_LATELY,
        ),
    ],
)
def test_nothing_is_sold_on_doubtful_data_or_where_an_order_is_open(
    view: Watched, change: dict[str, object], reason: Reason
) -> None:
    decision = third(replace(held(view, "30", "0.40", "0.42"), **change))  # type: ignore[arg-type]  # one field each, by name
    assert (decision.action, decision.reasons) == (Action.HOLD, (reason,))


def test_another_market_s_order_does_not_stop_a_sale(view: Watched) -> None:
    other = frozenset({f"{EVENT}-M1"})
    sold = third(replace(held(view, "30", "0.40", "0.42"), open_orders=other, others_orders=other))
    assert sold.action is Action.SELL


def test_a_quote_s_market_is_described_by_what_would_be_bid_and_not_by_a_sale(view: Watched) -> None:
    """What becomes of an open quote is decided by this price."""
    quoting = replace(RULES, quotes=QUOTES)
    seen = held(view, "30", "0.40", "0.42")
    open_quote = third(replace(seen, open_orders=frozenset({f"{EVENT}-M2"})), quoting)
    assert (open_quote.action, open_quote.leg) == (Action.HOLD, Leg.NO)
    sold = third(seen, quoting)
    assert (sold.action, sold.leg, sold.price) == (Action.SELL, Leg.YES, Decimal("0.40"))


def test_a_sale_needs_neither_a_narrow_spread_nor_a_price_that_may_be_bought(view: Watched) -> None:
    wide = third(held(view, "30", "0.40", "0.45"))
    assert (wide.action, wide.price) == (Action.SELL, Decimal("0.40"))
    start, _ = view.city.day_bounds(DAY)
    dead = held(view, "30", "0.06", "0.07")
    decision = today(dead, 6, measuring(start, (start + timedelta(hours=5.5), 35.0)))
    assert (decision.action, decision.price, decision.p_yes) == (Action.SELL, Decimal("0.06"), 0.0)


def low_of(
    view: Watched, forecast_f: float, measured: Measured | None, falls_at: datetime, issued: datetime = NOW
) -> Watched:
    """The same brackets as an event of New York's low."""
    markets = tuple(
        replace(one, rules_primary="If the minimum temperature recorded at New York City (CLINYC) for Dec 16, 2025")
        for one in view.event.markets
    )
    forecast = ExtremeForecast("KNYC", DAY, forecast_f, falls_at, issued, issued)
    event = replace(view.event, series_ticker="KXLOWTNYC", markets=markets)
    return replace(view, event=event, series=series_of("KXLOWTNYC"), weather=CityWeather(forecast, measured))


def test_a_low_is_decided_by_its_forecast_and_its_own_lead(view: Watched) -> None:
    near = decide(low_of(view, 32.5, None, NOW + timedelta(hours=7)), RULES, NOW)[2]
    far = decide(low_of(view, 32.5, None, NOW + timedelta(hours=28)), RULES, NOW)[2]
    assert (near.action, near.leg) == (Action.BUY, Leg.YES)
    assert near.p_yes is not None
    assert far.p_yes is not None
    assert near.p_yes > far.p_yes


def test_brackets_above_the_measured_minimum_are_dead(view: Watched) -> None:
    start = datetime(2025, 12, 16, 5, tzinfo=UTC)
    morning = start + timedelta(hours=8)
    cold = tuple(Observation("KNYC", start + timedelta(hours=hour), 30.0, "V") for hour in range(8))
    seen = low_of(view, 34.0, Measured(start, cold), start + timedelta(hours=23), morning)
    decisions = decide(seen, RULES, morning)
    chances = [decision.p_yes for decision in decisions]
    assert chances[2:] == [0.0, 0.0]
    assert chances[1] is not None
    assert chances[1] > 0.8


def test_a_market_of_the_other_extreme_is_not_traded(view: Watched) -> None:
    low = low_of(view, 32.5, None, AFTERNOON)
    mixed = replace(low, event=replace(low.event, markets=view.event.markets))
    assert {decision.reasons[0] for decision in decide(mixed, RULES, NOW)} == {Reason.RULES_UNKNOWN}


FLOORS = [Floor(Count(Decimal(1)), reason) for reason in (Reason.SIZE_UNPROVEN, Reason.SIZE_WORSE)]


@pytest.mark.parametrize("floor", FLOORS)
def test_without_shown_skill_the_floor_is_bought_whatever_kelly_says(view: Watched, floor: Floor) -> None:
    by_kelly, floored = third(view), third(view, replace(RULES, floor=floor))
    assert floored.kelly is not None
    assert floored.kelly >= by_kelly.count > 1
    reasons = (Reason.EDGE, floor.reason)
    assert floored == replace(by_kelly, count=floor.count, kelly=floored.kelly, reasons=reasons)


def test_the_floor_is_of_what_is_held_in_the_market(view: Watched) -> None:
    held = replace(view, held={f"{EVENT}-M2": Count(Decimal(1))})
    decision = third(held, replace(RULES, floor=FLOORS[0]))
    assert (decision.action, decision.reasons) == (Action.HOLD, (Reason.TARGET_HELD, Reason.SIZE_UNPROVEN))


def test_the_floor_never_raises_a_size(view: Watched) -> None:
    floor = Floor(Count(Decimal(1000)), Reason.SIZE_UNPROVEN)
    assert third(view, replace(RULES, floor=floor)) == third(view)
    poor = replace(RULES, wealth=Cash(Decimal(1)), floor=FLOORS[0])
    assert third(view, poor).reasons == (Reason.SIZE_ZERO,)


@pytest.mark.parametrize(
    ("by_evidence", "standing", "reason"),
    [
        (True, None, Reason.SIZE_UNPROVEN),
        (True, Standing.UNPROVEN, Reason.SIZE_UNPROVEN),
        (True, Standing.WORSE, Reason.SIZE_WORSE),
        (True, "of a later release", Reason.SIZE_UNPROVEN),
        (True, Standing.BETTER, None),
        (False, None, None),
        (False, Standing.WORSE, None),
    ],
)
def test_only_who_is_shown_to_be_better_has_no_floor(
    *, by_evidence: bool, standing: str | None, reason: Reason | None
) -> None:
    settings = Settings(size_by_evidence=by_evidence, size_floor_contracts=3)
    assert floor_of(settings, standing) == (None if reason is None else Floor(Count(Decimal(3)), reason))
