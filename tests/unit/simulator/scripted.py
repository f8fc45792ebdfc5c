"""A world of one event whose quotes a test writes, and an exchange on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from milkbot.domain.cities import City, Series, series_of
from milkbot.domain.markets import Strike, StrikeType
from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.simulator.engine.lifecycle import advance
from milkbot.simulator.engine.orderbook import SelfTrade
from milkbot.simulator.engine.plan import EventPlan, Quote, Take
from milkbot.simulator.engine.records import Account, Market, Order
from milkbot.simulator.engine.request import OrderRequest
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.stepping import refresh
from milkbot.simulator.engine.trading import place
from milkbot.simulator.weather import Forecast, Reading

OF = series_of("KXHIGHNY")
CITY = OF.city
DAY = date(2026, 7, 19)
CREATED = datetime(2026, 7, 18, 9, 30, tzinfo=UTC)
OPENS = datetime(2026, 7, 18, 14, 0, tzinfo=UTC)
CLOSES = datetime(2026, 7, 20, 4, 59, tzinfo=UTC)
DETERMINED = datetime(2026, 7, 20, 11, 18, tzinfo=UTC)
STRIKES = (Strike(StrikeType.LESS, cap=80), Strike(StrikeType.BETWEEN, 80, 81), Strike(StrikeType.GREATER, floor=81))
PLAN = EventPlan(OF, DAY, STRIKES, CREATED, OPENS, CLOSES, DETERMINED)
LOW, MIDDLE, HIGH = (PLAN.market_ticker(strike) for strike in STRIKES)
HOUSE = "house:test"


class ScriptedHouse:
    """Quotes per market and moment; a moment without quotes of its own keeps the last ones."""

    def __init__(self) -> None:
        self.script: dict[str, list[tuple[datetime, list[Quote]]]] = {}
        self.crowd: dict[tuple[str, datetime], list[Take]] = {}

    def quote(self, ticker: str, at: datetime, bid: int | None, ask: int | None, contracts: int = 10) -> None:
        """Best prices in cents from that moment on."""
        stamp = len(self.script.get(ticker, []))
        quotes = []
        if bid is not None:
            quotes.append(Quote(HOUSE, "bid", True, bid, contracts * 100, stamp))
        if ask is not None:
            quotes.append(Quote(HOUSE, "ask", False, ask, contracts * 100, stamp))
        self.script.setdefault(ticker, []).append((at, quotes))

    def moments(self, plan: EventPlan, ticker: str, after: datetime, until: datetime) -> list[datetime]:  # noqa: ARG002 - one plan
        return [at for at, _ in self.script.get(ticker, []) if after < at <= until]

    def latest_moment(self, plan: EventPlan, ticker: str, until: datetime) -> datetime | None:  # noqa: ARG002 - one plan
        return max((at for at, _ in self.script.get(ticker, []) if at <= until), default=None)

    def quotes(self, plan: EventPlan, strike: Strike, at: datetime, inventory: Mapping[str, int]) -> list[Quote]:  # noqa: ARG002 - scripted
        found = [quotes for moment, quotes in self.script.get(plan.market_ticker(strike), []) if moment <= at]
        return found[-1] if found else []

    def takes(self, plan: EventPlan, strike: Strike, at: datetime, since: datetime | None) -> list[Take]:  # noqa: ARG002 - scripted
        return self.crowd.get((plan.market_ticker(strike), at), [])


class NoWeather:
    """No forecast and no measurement."""

    cities: tuple[City, ...] = (CITY,)

    def forecast(self, city: City, now: datetime) -> Forecast | None:  # noqa: ARG002 - nothing to report
        return None

    def readings(self, city: City, start: datetime, end: datetime, now: datetime) -> list[Reading]:  # noqa: ARG002 - nothing to report
        return []


class ScriptedWorld:
    """One event in New York that ends at 81 degrees."""

    name = "the scripted world"
    ends_at: datetime | None = None
    series: tuple[Series, ...] = (OF,)

    def __init__(self) -> None:
        self.house = ScriptedHouse()
        self.weather = NoWeather()
        self.high = 81

    def created_between(self, after: datetime, until: datetime) -> list[EventPlan]:
        return [PLAN] if after < PLAN.created_at <= until else []

    def official(self, plan: EventPlan) -> int:  # noqa: ARG002 - one plan
        return self.high


class Desk:
    """The engine with one or two accounts, driven by a test."""

    def __init__(self, now: datetime = OPENS, balance: str = "100") -> None:
        self.world = ScriptedWorld()
        self.state = State(1, CREATED - timedelta(hours=1))
        for key in ("alice", "bob"):
            self.state.accounts[key] = Account(key, "", key, Decimal(balance))
        self._ids = 0
        advance(self.state, self.world, now)

    @property
    def alice(self) -> Account:
        return self.state.accounts["alice"]

    @property
    def bob(self) -> Account:
        return self.state.accounts["bob"]

    def quote(self, bid: int | None, ask: int | None, contracts: int = 10, ticker: str = MIDDLE) -> None:
        """New best prices from now on."""
        self.world.house.quote(ticker, self.state.now, bid, ask, contracts)

    def market(self, ticker: str = MIDDLE) -> Market:
        """The market, stepped to now."""
        market = self.state.markets[ticker]
        refresh(self.state, self.world.house, market, self.state.now)
        return market

    def pass_time(self, until: datetime | timedelta) -> None:
        """Let time pass."""
        advance(self.state, self.world, self.state.now + until if isinstance(until, timedelta) else until)

    def order(self, side: str, count: str, price: str, *, who: str = "alice", **rest: Any) -> Order:
        """Place an order; good till canceled unless said otherwise."""
        self._ids += 1
        fields: dict[str, Any] = {
            "ticker": MIDDLE,
            "client_order_id": f"id-{self._ids}",
            "time_in_force": TimeInForce.GOOD_TILL_CANCELED,
            "self_trade": SelfTrade.TAKER_AT_CROSS,
            **rest,
        }
        request = OrderRequest(side=BookSide(side), count=Decimal(count), price=Decimal(price), **fields)
        if request.ticker in self.state.markets:
            self.market(request.ticker)
        return place(self.state, self.state.accounts[who], request)
