"""One example: a trader, an exchange, an operator and a neighbour, from Monday until all faults are repaired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import httpx2
from tests.agreement import OURS, differences
from tests.property import operator
from tests.property.faults import Fault, FaultyWire
from tests.property.floor import Floor
from tests.property.lifeline import KilledError, Lifeline
from tests.property.watch import Allowed, Watch

from milkbot.db import order_events
from milkbot.db.session import transaction
from milkbot.domain.markets import MarketStatus
from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.errors import DatabaseUnavailableError, MilkbotError
from milkbot.simulator.engine import interventions
from milkbot.simulator.engine.orderbook import SelfTrade
from milkbot.simulator.engine.rejects import RejectError
from milkbot.simulator.engine.request import OrderRequest
from milkbot.simulator.engine.trading import place
from milkbot.trader.invariants import catalogue, events
from milkbot.trader.invariants.context import QueryContext
from milkbot.trader.trading_loop import TradingLoop
from milkbot.venue.client import KalshiClient
from milkbot.weather.client import WeatherClient

HEALING_TICKS = 2
_PATIENCE = 5
_BETWEEN_ORDERS = timedelta(milliseconds=1)
"""No exchange executes two orders at one moment."""
_PROVED_ABSENT = timedelta(seconds=61)
_LIMITS_KEPT = "exposure-under-limits"


class Trial:
    """`tick` runs the real loop on the floor's database and exchange; each tick is a process of its own."""

    def __init__(self, floor: Floor) -> None:
        floor.reset()
        self.floor = floor
        self.settings = floor.settings()
        self.watch = Watch(floor)
        self.faulty = FaultyWire(floor)
        self.wire = WatchedWire(self.faulty, floor.lifeline, self.watch)
        self._hand_orders = 0

    def loop(self, venue: KalshiClient, weather: WeatherClient) -> TradingLoop:
        """The trader of this trial; a test may replace it."""
        return TradingLoop(self.settings, self.floor.engine, venue, weather, self.floor)

    def begin(self, style: str, allowed: Allowed) -> None:
        """Trade in that style, within those limits."""
        self.settings = self.floor.settings(ORDER_STYLE=style, **allowed.environment())
        self.watch.allowed = allowed

    def tick(self, fault: Fault | None = None, dies_after: int | None = None) -> MilkbotError | None:
        """One tick, with a fault on its wire, killed after that many steps; returns what it failed with."""
        self.watch.tick_begins()
        self.faulty.arm(fault)
        self.floor.lifeline.start(dies_after)
        venue = self.venue()
        weather = WeatherClient(self.settings.nws_api_base, "tests", self.floor, cache_seconds=0, transport=self.wire)
        failed: MilkbotError | None = None
        try:
            self.loop(venue, weather).run_once()
        except KilledError:
            return None
        except MilkbotError as error:
            failed = error
        finally:
            self.floor.tally["ticks"] += 1
            self.floor.tally.update(f"fault {one.rule.fault}" for one in self.floor.simulator.faults.history)
            if self.floor.lifeline.cut:
                self.floor.tally["ticks killed"] += 1
                self.floor.bury()
            self.floor.lifeline.start(None)
            self.faulty.arm(None)
        self.watch.tick_ended(fault, failed)
        return failed

    def venue(self) -> KalshiClient:
        """The trader's client of the exchange."""
        return KalshiClient(self.settings.kalshi_api_base, self.floor.credentials, self.floor, self.wire)

    def later(self, delta: timedelta) -> None:
        """Time passes."""
        self.floor.sleep(delta.total_seconds())

    def neighbour_trades(self, ticker: str, side: BookSide, cents: int, contracts: int) -> None:
        """Somebody else takes what is offered at that price or better."""
        self._place(self.floor.neighbour, "", ticker, side, cents, contracts, TimeInForce.IMMEDIATE_OR_CANCEL)

    def operator_trades(
        self, ticker: str, side: BookSide, cents: int, contracts: int, time_in_force: TimeInForce
    ) -> None:
        """The operator places an order on the exchange's own site."""
        self._hand_orders += 1
        self._place(self.floor.tester, f"hand-{self._hand_orders}", ticker, side, cents, contracts, time_in_force)

    def neighbour_meets(self, which: int, contracts: int) -> None:
        """Somebody else trades with one of the account's resting orders, at its price, as far as it is at the top."""
        state = self.floor.simulator.state
        mine = [order for order in state.resting.values() if order.account == self.floor.tester]
        if mine:
            order = mine[which % len(mine)]
            side = BookSide.ASK if order.is_bid else BookSide.BID
            self.neighbour_trades(order.ticker, side, order.cents, contracts)

    def exchange_halts(self, which: int, lasting: timedelta) -> None:
        """All markets of an event take no order for a while, and are listed as active."""
        tickers = self.open_tickers()
        if not tickers:
            return
        with self.floor.simulator.turn() as state:
            event = state.markets[tickers[which % len(tickers)]].plan.ticker
            for market in state.markets_of(event):
                if market.status(state.now) is MarketStatus.ACTIVE:
                    interventions.halt(state, market, lasting)

    def close_findings(self) -> None:
        """The operator checks each open finding, and closes it."""
        for (finding,) in self.floor.rows("SELECT id FROM ops.findings WHERE closed_at IS NULL ORDER BY id"):
            self.command("reconcile", "--close", str(finding), "--note", "a test")

    def resolve_what_is_absent(self) -> None:
        """The operator searches each order of unknown outcome on the exchange's site, and rules on those not there."""
        there = {order.client_order_id for order in self.floor.simulator.state.orders.values()}
        unresolved = "SELECT id, client_order_id FROM ops.orders WHERE state IN ('pending', 'unknown') ORDER BY id"
        for number, name in self.floor.rows(unresolved):
            if name not in there:
                self.command("orders", "resolve", str(number), "--as", "rejected", "--reason", "it is not there")
                self.watch.ruled()

    def command(self, *arguments: str) -> None:
        """The operator runs `milkbot ARGUMENTS`; that it refuses is allowed."""
        operator.run(self, arguments)

    def open_tickers(self) -> list[str]:
        """The markets that trade at the moment."""
        state = self.floor.simulator.state
        return [ticker for ticker, market in state.markets.items() if market.plan.status(state.now) == "active"]

    def heal(self) -> None:
        """No more faults, no more pause: ticks, each late enough to prove what is absent, until the ledger agrees."""
        outage = self.floor.simulator.state.outage
        if outage is not None and outage.until > self.floor.now():
            self.later(outage.until - self.floor.now())
        self._undisturbed()
        # What a tick sends after it has read the account is seen by the next one: so the last ones send nothing.
        self.command("halt", "--reason", "the end of the example")
        self._undisturbed()

    def _undisturbed(self) -> None:
        for _ in range(HEALING_TICKS):
            self.later(_PROVED_ABSENT)
            for _ in range(_PATIENCE):
                # On a machine that is very busy the database may be slow to answer: that is no fault of the trader.
                if not isinstance(error := self.tick(), DatabaseUnavailableError):
                    break
            if error is not None:
                self.watch.broken.append(f"a tick without any fault failed: {error}")
            elif not differences(self.floor):
                return

    def verdict(self) -> list[str]:
        """What is wrong now: rules broken, a ledger that differs, a broken chain, an invariant that is not true."""
        self._count()
        return [*self.watch.broken, *differences(self.floor), *self._untrue()]

    def _count(self) -> None:
        state, tally = self.floor.simulator.state, self.floor.tally
        tally["examples"] += 1
        for order in state.orders.values():
            if order.account == self.floor.tester:
                tally["orders of the trader" if order.client_order_id.startswith(OURS) else "manual orders"] += 1
        tally["fills"] += sum(filled.account == self.floor.tester for filled in state.fills)
        tally["settlements"] += len(state.settlements)
        for kind, count in self.floor.rows("SELECT kind, count(*) FROM ops.findings GROUP BY kind"):
            tally[f"finding {kind}"] += count
        unknown = "SELECT count(DISTINCT order_id) FROM ops.order_events WHERE new_state IN ('unknown')"
        tally["orders of unknown outcome"] += self.floor.rows(unknown)[0][0]

    def _untrue(self) -> Iterator[str]:
        context = QueryContext(self.settings, self.floor.now(), thorough=True)
        with transaction(self.floor.engine) as session:
            _, broken = events.verified(session, context.mode, order_events.START)
            yield from [broken] if broken else []
            for answer in catalogue.check(session, context):
                # What the operator buys manually obeys no limit of the trader.
                if not (self._hand_orders and answer.invariant.name == _LIMITS_KEPT):
                    yield from (f"{answer.invariant.name}: {problem}" for problem in answer.problems)
        if not self._hand_orders:
            found = "SELECT message FROM ops.findings WHERE subject = %s"
            yield from (f"at some time {message}" for (message,) in self.floor.rows(found, _LIMITS_KEPT))

    def _place(
        self,
        who: str,
        client_order_id: str,
        ticker: str,
        side: BookSide,
        cents: int,
        contracts: int,
        time_in_force: TimeInForce,
    ) -> None:
        request = OrderRequest(
            ticker=ticker,
            client_order_id=client_order_id,
            side=side,
            count=Decimal(contracts),
            price=Decimal(cents) / 100,
            time_in_force=time_in_force,
            self_trade=SelfTrade.MAKER,
        )
        self.later(_BETWEEN_ORDERS)
        try:
            with self.floor.simulator.turn() as state:
                self.floor.simulator.refreshed(ticker)
                place(state, state.accounts[who], request)
        except RejectError:
            pass  # too poor, or the market is closed
        self.later(_BETWEEN_ORDERS)


class WatchedWire(httpx2.BaseTransport):
    """A request is two steps of a tick: it is sent, and its answer is read."""

    def __init__(self, inner: httpx2.BaseTransport, lifeline: Lifeline, watch: Watch) -> None:
        self._inner = inner
        self._lifeline = lifeline
        self._watch = watch

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self._lifeline.step()
        self._watch.sending(request)
        try:
            response = self._inner.handle_request(request)
        finally:
            self._watch.sent(request)
            self._lifeline.step()
        self._watch.answered(request, response)
        return response
