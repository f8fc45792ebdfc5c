"""The strategy: a pure function of what was seen, what is held and the configuration. One decision for every market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from milkbot.domain.cities import City, Series
from milkbot.domain.fees import FeeSchedule, aligned
from milkbot.domain.markets import Event, Market, MarketStatus
from milkbot.domain.orderbook import Level, OrderBook
from milkbot.domain.orders import Leg
from milkbot.domain.units import ONE, ZERO, Cash, Count, Price, complement, round_down
from milkbot.sizing.fraction import SizingRules, target_count
from milkbot.trader.decide.exits import Sale, sale_due
from milkbot.trader.decide.quoting import QuoteRules, is_guarded, quote_price
from milkbot.trader.refused import LeftAlone

VERSION = 1

NOTHING = Count(ZERO)
_PROBABILITY_STEP = Decimal("0.0001")


class Action(StrEnum):
    """What a decision does."""

    BUY = "buy"
    SELL = "sell"
    HOLD = "hold"


class Reason(StrEnum):
    """Why a decision is what it is. Each is stored, so that "it does not trade" always has an answer."""

    EDGE = "edge"
    EXIT_EDGE_GONE = "exit_edge_gone"
    EXIT_ADDS_RISK = "exit_adds_risk"
    MARKET_NOT_ACTIVE = "market_not_active"
    RULES_UNKNOWN = "rules_unknown"
    FORECAST_MISSING = "forecast_missing"
    FORECAST_STALE = "forecast_stale"
    FORECAST_ELSEWHERE = "forecast_elsewhere"
    OBSERVATION_UNAVAILABLE = "observation_unavailable"
    OBSERVATION_MISSING = "observation_missing"
    OBSERVATION_STALE = "observation_stale"
    NO_FORECAST = "no_forecast"
    FORECASTER_FAILED = "forecaster_failed"
    FORECASTER_LATE = "forecaster_late"
    FORECASTER_NONSENSE = "forecaster_nonsense"
    BOOK_MISSING = "book_missing"
    BOOK_STALE = "book_stale"
    SIDE_EMPTY = "side_empty"
    SPREAD_WIDE = "spread_wide"
    PRICE_LOW = "price_low"
    EDGE_SMALL = "edge_small"
    GAP_IMPLAUSIBLE = "gap_implausible"
    TARGET_HELD = "target_held"
    OTHER_LEG_HELD = "other_leg_held"
    SIZE_ZERO = "size_zero"
    ORDER_OPEN = "order_open"
    CLOSE_NEAR = "close_near"
    REFUSED_LATELY = "refused_lately"
    SIZE_UNPROVEN = "size_unproven"
    SIZE_WORSE = "size_worse"


WEATHER_REASONS = (
    Reason.FORECAST_MISSING,
    Reason.FORECAST_STALE,
    Reason.FORECAST_ELSEWHERE,
    Reason.OBSERVATION_UNAVAILABLE,
    Reason.OBSERVATION_MISSING,
    Reason.OBSERVATION_STALE,
)
"""Those that hold every market of an event whose forecaster needs its weather: it was not seen, or not well enough."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The most contracts that are held in one market while the forecaster's skill is not shown, and why it is not."""

    count: Count
    reason: Reason


@dataclass(frozen=True, slots=True)
class StrategyRules:
    """Bounds of the strategy: dollars, contracts, times. With `quotes` orders rest, else they take what is offered.

    `exit_margin`: dollars a contract that a sale must gain over holding, after its fee and the spread. `floor`: None
    where the size is Kelly's.
    """

    min_edge: Decimal
    exit_margin: Decimal
    min_price: Decimal
    max_spread: Decimal
    max_gap: Decimal
    max_orderbook_age: timedelta
    sizing: SizingRules
    wealth: Cash
    quotes: QuoteRules | None = None
    floor: Floor | None = None


@dataclass(frozen=True, slots=True)
class EventForecast:
    """The probabilities that an event is decided by, in its markets' order, or the reason for none."""

    probabilities: tuple[float, ...] | None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class EventView:
    """What is known of one event at the moment of decision.

    `open_orders`: markets in which we have an open order: they get no other. `others_orders`: those in which somebody
    else has one on our account: nothing is sold there. `left_alone`: those that refused one, and get none yet.
    `anchors`: where the bidding for a leg began. `pause_at`: when the exchange pauses next.
    """

    event: Event
    series: Series
    fees: FeeSchedule
    forecast: EventForecast
    orderbooks: dict[str, OrderBook]
    held: Mapping[str, Count]
    open_orders: frozenset[str] = frozenset()
    others_orders: frozenset[str] = frozenset()
    left_alone: Mapping[str, LeftAlone] = field(default_factory=dict)
    anchors: Mapping[tuple[str, Leg], Price] = field(default_factory=dict)
    pause_at: datetime | None = None

    @property
    def city(self) -> City:
        """Where it settles."""
        return self.series.city


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision for one market. `leg` is bought at `price`, or sold at it; `edge`: what a contract gains after fees.

    `left_alone`: why and until when the market gets no order after one that it refused. `kelly`: what would be held
    without the floor, where that lowered the size; then its reason comes last.
    """

    ticker: str
    action: Action
    reasons: tuple[Reason, ...]
    p_yes: float | None = None
    leg: Leg | None = None
    price: Price | None = None
    edge: Decimal | None = None
    count: Count = NOTHING
    left_alone: LeftAlone | None = None
    kelly: Count | None = None

    @property
    def bought(self) -> tuple[Leg, Price]:
        """The leg that the decision's order buys, and its price: selling one leg is buying the other.

        Raises ValueError for a decision that names no leg or no price.
        """
        if self.leg is None or self.price is None:
            raise ValueError(f"the decision to {self.action} {self.ticker} names no leg or no price")
        if self.action is Action.SELL:
            return (Leg.NO if self.leg is Leg.YES else Leg.YES), complement(self.price)
        return self.leg, self.price


@dataclass(frozen=True, slots=True)
class _Offer:
    leg: Leg
    probability: Decimal
    level: Level
    edge: Decimal
    cost: Decimal


def decide(view: EventView, rules: StrategyRules, now: datetime) -> tuple[Decision, ...]:
    """One decision for each market of the event, in the event's order."""
    chances = view.forecast.probabilities
    if chances is None:
        reason = view.forecast.reason or Reason.NO_FORECAST
        return tuple(Decision(market.ticker, Action.HOLD, (reason,)) for market in view.event.markets)
    return tuple(
        _decide_market(view, market, chance, rules, now)
        for market, chance in zip(view.event.markets, chances, strict=True)
    )


def _decide_market(view: EventView, market: Market, chance: float, rules: StrategyRules, now: datetime) -> Decision:
    looked_at = Decision(market.ticker, Action.HOLD, (), chance, left_alone=view.left_alone.get(market.ticker))
    orderbook = view.orderbooks.get(market.ticker)
    problem = _market_problem(view, market, now) or _orderbook_problem(orderbook, rules, now)
    if problem is not None or orderbook is None:
        return replace(looked_at, reasons=(problem or Reason.BOOK_MISSING,))
    held = view.held.get(market.ticker, NOTHING)
    sale = sale_due(held, _exact(chance), orderbook, view.fees, rules.exit_margin)
    if sale is not None and market.ticker not in view.open_orders:
        return _sell(looked_at, sale, _sale_problem(view, market, orderbook, chance, rules))
    offer = (
        _best_quote(view, market, orderbook, chance, rules)
        if rules.quotes
        else _best_offer(orderbook, chance, view.fees)
    )
    if offer is None:
        return replace(looked_at, reasons=(Reason.EDGE_SMALL,))
    priced = replace(looked_at, leg=offer.leg, price=offer.level.price, edge=offer.edge)
    problem = _offer_problem(orderbook, offer, chance, rules) or _place_problem(view, market, rules, now)
    if problem is None and rules.quotes is None and held * _sign(offer.leg) < ZERO:
        problem = Reason.OTHER_LEG_HELD
    if problem is not None:
        return replace(priced, reasons=(problem,))
    return _size(priced, offer, held, rules)


def _market_problem(view: EventView, market: Market, now: datetime) -> Reason | None:
    if market.status is not MarketStatus.ACTIVE or not market.open_time <= now < market.close_time:
        return Reason.MARKET_NOT_ACTIVE
    if not view.series.settles_by(market.rules_primary):
        return Reason.RULES_UNKNOWN
    return None


def _orderbook_problem(orderbook: OrderBook | None, rules: StrategyRules, now: datetime) -> Reason | None:
    if orderbook is None:
        return Reason.BOOK_MISSING
    if now - orderbook.captured_at > rules.max_orderbook_age:
        return Reason.BOOK_STALE
    if orderbook.spread is None:
        return Reason.SIDE_EMPTY
    return None


def _offer_problem(orderbook: OrderBook, offer: _Offer, chance: float, rules: StrategyRules) -> Reason | None:
    if orderbook.spread is None or orderbook.spread > rules.max_spread:
        return Reason.SPREAD_WIDE
    if offer.edge < rules.min_edge:
        return Reason.EDGE_SMALL
    if offer.level.price < rules.min_price:
        return Reason.PRICE_LOW
    return Reason.GAP_IMPLAUSIBLE if _is_implausible(orderbook, chance, rules) else None


def _is_implausible(orderbook: OrderBook, chance: float, rules: StrategyRules) -> bool:
    return orderbook.mid is None or abs(Decimal(chance) - orderbook.mid) > rules.max_gap


def _place_problem(view: EventView, market: Market, rules: StrategyRules, now: datetime) -> Reason | None:
    if market.ticker in view.open_orders:
        return Reason.ORDER_OPEN
    if market.ticker in view.left_alone:
        return Reason.REFUSED_LATELY
    if rules.quotes is not None and is_guarded(rules.quotes, market.close_time, view.pause_at, now):
        return Reason.CLOSE_NEAR
    return None


def _sale_problem(
    view: EventView, market: Market, orderbook: OrderBook, chance: float, rules: StrategyRules
) -> Reason | None:
    """Why what could be sold is held all the same. A probability that is doubted is no reason to sell either."""
    if _is_implausible(orderbook, chance, rules):
        return Reason.GAP_IMPLAUSIBLE
    if market.ticker in view.others_orders:
        return Reason.ORDER_OPEN
    return Reason.REFUSED_LATELY if market.ticker in view.left_alone else None


def _sell(looked_at: Decision, sale: Sale, problem: Reason | None) -> Decision:
    priced = replace(looked_at, leg=sale.leg, price=sale.price, edge=sale.gain)
    if problem is not None:
        return replace(priced, reasons=(problem,))
    return replace(priced, action=Action.SELL, reasons=(Reason.EXIT_EDGE_GONE,), count=sale.count)


def _size(priced: Decision, offer: _Offer, held: Count, rules: StrategyRules) -> Decision:
    target = target_count(offer.probability, offer.cost, rules.wealth, rules.sizing)
    why: tuple[Reason, ...] = ()
    if rules.floor is not None and target > rules.floor.count:
        priced, target, why = replace(priced, kelly=target), rules.floor.count, (rules.floor.reason,)
    missing = target - held * _sign(offer.leg)
    count = min(missing, round_down(offer.level.count, ONE))
    if target <= ZERO or (missing >= ONE and count < ONE):
        return replace(priced, reasons=(Reason.SIZE_ZERO, *why))
    if missing < ONE:
        return replace(priced, reasons=(Reason.TARGET_HELD, *why))
    return replace(priced, action=Action.BUY, reasons=(Reason.EDGE, *why), count=Count(round_down(count, ONE)))


def _best_offer(orderbook: OrderBook, chance: float, fees: FeeSchedule) -> _Offer:
    """The leg with the larger edge against its executable ask. Both sides of the order book must have a level."""
    yes = _exact(chance)
    offers = [
        _offer(leg, probability, level, fees)
        for leg, probability, level in (
            (Leg.YES, yes, orderbook.best_yes_ask),
            (Leg.NO, ONE - yes, orderbook.best_no_ask),
        )
        if level is not None
    ]
    return max(offers, key=lambda offer: offer.edge)


def _best_quote(
    view: EventView, market: Market, orderbook: OrderBook, chance: float, rules: StrategyRules
) -> _Offer | None:
    """The leg with the larger edge at what would be bid for it. As many contracts as wanted may rest."""
    if rules.quotes is None:
        return None
    yes = _exact(chance)
    offers: list[_Offer] = []
    for leg, probability in ((Leg.YES, yes), (Leg.NO, ONE - yes)):
        anchor = view.anchors.get((market.ticker, leg))
        price = quote_price(leg, orderbook, market, probability, rules.quotes, anchor)
        if price is not None:
            cost = price + aligned(view.fees.maker(Count(ONE), price))
            offers.append(_Offer(leg, probability, Level(price, rules.sizing.max_count), probability - cost, cost))
    return max(offers, key=lambda offer: offer.edge, default=None)


def _offer(leg: Leg, probability: Decimal, level: Level, fees: FeeSchedule) -> _Offer:
    cost = level.price + aligned(fees.taker(Count(ONE), level.price))
    return _Offer(leg, probability, level, probability - cost, cost)


def _exact(chance: float) -> Decimal:
    """A probability as money is computed with it."""
    return Decimal(chance).quantize(_PROBABILITY_STEP)


def _sign(leg: Leg) -> int:
    """Of a position in that leg."""
    return 1 if leg is Leg.YES else -1


def yes_price(leg: Leg, leg_price: Price) -> Price:
    """The YES leg's price that buys `leg` at `leg_price`."""
    return leg_price if leg is Leg.YES else complement(leg_price)
