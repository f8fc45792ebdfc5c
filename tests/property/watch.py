"""What may never happen, checked before each tick and at each request that may create an order, at the exchange."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import httpx2
from tests.agreement import OURS, START_CASH
from tests.property.faults import Fault
from tests.property.floor import Floor

from milkbot.domain.cities import city_of_series
from milkbot.domain.markets import MarketStatus
from milkbot.errors import DatabaseUnavailableError, MilkbotError
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.engine.records import Order
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT, price_of
from milkbot.trader.observe.coverage import BRACKETS
from milkbot.venue.wire.exchange import error_body

_ID = re.compile(rb'"(mb-[0-9a-zA-Z-]+)"')
_CONTRACTS = Decimal(200)
_OTHERS = """
    SELECT client_order_id, state FROM ops.orders WHERE ticker = %s AND client_order_id <> %s
    AND state IN ('pending', 'unknown', 'resting', 'partially_filled')
"""
_STOPPED = {"trading_is_paused", "market_closed", "market_inactive"}
"""Codes by which the exchange says that a market takes no order, whatever the list of markets says."""
_LEFT_ALONE = timedelta(minutes=10)
"""For less than the trader leaves such a market alone, and for more than a tick."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Percent of the start's cash that an order, an event, a city, a cluster, and all of it may lose."""

    trade: Decimal = Decimal(2)
    event: Decimal = Decimal(3)
    city: Decimal = Decimal(3)
    cluster: Decimal = Decimal(5)
    open: Decimal = Decimal(10)

    def environment(self) -> dict[str, str]:
        """The variables of a trader."""
        return {
            "MAX_TRADE_RISK_PCT": str(self.trade),
            "MAX_EVENT_RISK_PCT": str(self.event),
            "MAX_CITY_EXPOSURE_PCT": str(self.city),
            "MAX_CLUSTER_EXPOSURE_PCT": str(self.cluster),
            "MAX_OPEN_RISK_PCT": str(self.open),
        }

    def dollars(self, kind: str) -> Decimal:
        """The limit of that name."""
        percent: Decimal = getattr(self, kind)
        return START_CASH * percent / 100


DEFAULT: Final = Allowed()
TIGHT: Final = Allowed(Decimal(1), Decimal("1.5"), Decimal("1.5"), Decimal(2), Decimal("2.5"))
"""So that a few orders come to a limit."""


class Watch:
    """Keeps every broken rule as a sentence in `broken`."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.allowed = DEFAULT
        self.broken: list[str] = []
        self.state = "active"
        self._sent: set[str] = set()
        self._before: dict[tuple[str, str], Decimal] = {}
        self._held: dict[str, Decimal] = {}
        self._known: set[str] = set()
        self._stopped: dict[str, datetime] = {}

    def tick_begins(self) -> None:
        """Note what the trader is allowed to do in this tick."""
        newest = self._floor.rows("SELECT state, until FROM ops.trading_states ORDER BY id DESC LIMIT 1")
        in_force = [str(state) for state, until in newest if until is None or until > self._floor.now()]
        self.state = "halted" if self._floor.kill_file.exists() else in_force[0] if in_force else "active"
        self.between_ticks()

    def tick_ended(self, fault: Fault | None, error: MilkbotError | None) -> None:
        """After a tick that was not killed."""
        if fault is None or not fault.stops_nothing or isinstance(error, DatabaseUnavailableError):
            return
        if error is not None:
            self.broken.append(f"a tick failed for {', '.join(one.fault for one in fault.rules)}: {error}")
            return
        ((outcome, counts),) = self._floor.rows("SELECT outcome, counts FROM ops.ticks ORDER BY id DESC LIMIT 1")
        open_events = {plan.ticker for plan in self._floor.simulator.state.plans.values() if self._is_open(plan)}
        for series in fault.vanished if outcome == "completed" else ():
            there = sum(event.startswith(f"{series}-") for event in open_events)
            if there and counts.get(f"missing {series}", 0) < BRACKETS * there:
                self.broken.append(f"a tick saw nothing of {series}, and reports {counts}")

    def _is_open(self, plan: EventPlan) -> bool:
        return plan.status(self._floor.now()) is MarketStatus.ACTIVE

    def between_ticks(self) -> None:
        """Whatever was filled since, what is held keeps every limit: unless the operator also bought manually."""
        state = self._floor.simulator.state
        mine = [order for order in state.orders.values() if order.account == self._floor.tester]
        if any(order.client_order_id[:3] != OURS for order in mine):
            return
        for (kind, name), risk in self._exposures(resting=False).items():
            if risk > (allowed := self.allowed.dollars(kind)):
                self.broken.append(f"{kind} {name} may lose {risk} once filled, {allowed} allowed")

    def sending(self, request: httpx2.Request) -> None:
        """Before a request reaches the exchange."""
        if not _creates(request):
            return
        for name in (found.decode() for found in _ID.findall(request.read())):
            if name in self._sent:
                self.broken.append(f"{name} was sent twice")
            self._sent.add(name)
            if not self._floor.rows("SELECT 1 FROM ops.orders WHERE client_order_id = %s", name):
                self.broken.append(f"{name} was sent before its intent was committed")
            if self.state == "halted":
                self.broken.append(f"{name} was sent while trading is halted")
            self._sells(json.loads(request.read()))
        self._sends_again(request)
        self._before = self._exposures()
        self._held = self._positions()
        self._known = set(self._floor.simulator.state.orders)

    def sent(self, request: httpx2.Request) -> None:
        """After the exchange acted on it, whatever becomes of its answer."""
        if not _creates(request):
            return
        orders = self._floor.simulator.state.orders
        created = [
            order for key, order in orders.items() if key not in self._known and order.client_order_id[:3] == OURS
        ]
        if not created:
            return
        for order in created:
            if (risk := self._opens(order)) > (allowed := self.allowed.dollars("trade")):
                self.broken.append(f"{order.client_order_id} may lose {risk}, {allowed} allowed")
        after = self._exposures()
        for (kind, name), risk in after.items():
            allowed = self.allowed.dollars(kind)
            if risk > max(allowed, self._before.get((kind, name), Decimal(0))):
                self.broken.append(f"{kind} {name} at risk: {risk}, {allowed} allowed")
        for ticker, held in self._positions().items():
            before = self._held.get(ticker, Decimal(0))
            if abs(held) > max(_CONTRACTS, abs(before)):
                self.broken.append(f"{ticker}: {held} contracts")
            if self.state == "reducing" and abs(held) > abs(before):
                self.broken.append(f"{ticker}: from {before} to {held} contracts while only reducing is allowed")

    def answered(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """Once the trader has read an answer."""
        if _creates(request) and response.status_code >= 400 and _code(response) in _STOPPED:
            self._stopped[_ticker(request)] = self._floor.now()

    def ruled(self) -> None:
        """The operator ruled on orders himself: what refused one may be tried again."""
        self._stopped.clear()

    def _sends_again(self, request: httpx2.Request) -> None:
        ticker, now = _ticker(request), self._floor.now()
        if (stopped := self._stopped.get(ticker)) is not None and now - stopped < _LEFT_ALONE:
            self.broken.append(f"{ticker} got an order {now - stopped} after it said that it takes none")

    def _sells(self, body: dict[str, Any]) -> None:
        """What the trader takes against a position that it knows of is marked as a sale, and of no more than that."""
        name, ticker = body["client_order_id"], body["ticker"]
        count = Decimal(body["count"]) * (1 if body["side"] == "bid" else -1)
        known = self._floor.rows("SELECT signed_count FROM ops.positions WHERE ticker = %s AND NOT is_closed", ticker)
        held = sum((row[0] for row in known), Decimal(0))
        if not body["reduce_only"]:
            if body["time_in_force"] == "immediate_or_cancel" and count * held < 0:
                self.broken.append(f"{name} takes {count} of {held} contracts, and was not marked as a sale")
            return
        self._floor.tally["sales"] += 1
        if count * held >= 0 or abs(count) > abs(held):
            self.broken.append(f"{name} sells {count} of {held} contracts")
        if others := self._floor.rows(_OTHERS, ticker, name):
            self.broken.append(f"{name} sells where there is {others}")

    def _opens(self, order: Order) -> Decimal:
        """Dollars that an order puts at risk: the part that closes what was held risks nothing."""
        held = self._held.get(order.ticker, Decimal(0))
        closes = max(Decimal(0), -held if order.is_bid else held) * LOTS_PER_CONTRACT
        return _price(order) * max(Decimal(0), _lots(order) - closes) / LOTS_PER_CONTRACT

    def _positions(self) -> dict[str, Decimal]:
        return {ticker: held.position.signed_count for ticker, held in self._floor.account.holdings.items()}

    def _exposures(self, *, resting: bool = True) -> dict[tuple[str, str], Decimal]:
        """Dollars lost at the worst outcome of each event, resting orders filled where that hurts; and their sums."""
        state = self._floor.simulator.state
        losses: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for plan in state.plans.values():
            tickers = [plan.market_ticker(strike) for strike in plan.strikes]
            worst = max(
                self._held_loss(tickers, winner) + resting * self._resting_loss(tickers, winner) for winner in tickers
            )
            city = city_of_series(plan.ticker.partition("-")[0])
            for key in (("event", plan.ticker), ("city", city.code), ("cluster", city.cluster), ("open", "risk")):
                losses[key] += max(worst, Decimal(0))
        return losses

    def _held_loss(self, tickers: list[str], winner: str) -> Decimal:
        lost = Decimal(0)
        for ticker in tickers:
            held = self._floor.account.holdings.get(ticker)
            if held is not None and held.position.signed_count:
                lost += held.position.cost - abs(held.position.signed_count) * _wins(
                    held.position.signed_count > 0, ticker == winner
                )
        return lost

    def _resting_loss(self, tickers: list[str], winner: str) -> Decimal:
        lost = Decimal(0)
        for order in self._floor.simulator.state.resting.values():
            if order.account == self._floor.tester and order.ticker in tickers:
                count = Decimal(order.remaining_lots) / LOTS_PER_CONTRACT
                lost += max(Decimal(0), _price(order) * count - count * _wins(order.is_bid, order.ticker == winner))
        return lost


def _creates(request: httpx2.Request) -> bool:
    return request.method == "POST" and "/portfolio/events/orders" in request.url.path


def _ticker(request: httpx2.Request) -> str:
    return str(json.loads(request.read())["ticker"])


def _code(response: httpx2.Response) -> str:
    return error_body(json.loads(response.read() or b"{}")).code


def _wins(yes: bool, won: bool) -> int:  # noqa: FBT001 - a leg and an outcome, no switches
    return int(yes == won)


def _price(order: Order) -> Decimal:
    """What one contract of it costs at most."""
    return price_of(order.cents) if order.is_bid else 1 - price_of(order.cents)


def _lots(order: Order) -> int:
    """What was filled, or may be yet."""
    return order.filled_lots + order.remaining_lots
