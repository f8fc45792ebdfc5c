"""The repositories of the order path in memory, and an exchange that answers what a test says.

Both hold their callers to what a database and an exchange would: every call fits the real function's signature, is made
in a transaction and for the right mode, and nothing is sent while a transaction is open.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any, Final

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from milkbot.db import cash, findings, holds, ledger, order_groups, quotes, terms, ticks
from milkbot.db import orders as order_rows
from milkbot.db import unread as unread_objects
from milkbot.db.cash import CashTotals
from milkbot.db.evidence_tables import Finding
from milkbot.db.ops import FillRow, Order, PositionRow, SettlementRow
from milkbot.db.orders import IntentContext
from milkbot.db.risk_tables import OrderGroupAct
from milkbot.db.state import Writer
from milkbot.domain.clock import Deadline
from milkbot.domain.fees import FeeSchedule
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import OPEN, OrderEvent, OrderIntent, OrderState, event_of
from milkbot.domain.positions import Fill, execution_order
from milkbot.domain.units import ZERO, Cash, Count
from milkbot.domain.unread import ObjectKind, Unread, UnreadObject
from milkbot.venue.client import KalshiClient
from milkbot.venue.values import (
    Balance,
    OrderGroup,
    PlacedOrder,
    VenueOrder,
    VenueOrderStatus,
    VenuePosition,
    VenueSettlement,
)

DEMO = TradingMode.DEMO

_REPOSITORIES: Final[Mapping[ModuleType, str]] = {
    ledger: (
        "adopt_fills close_position correct_settlement fills_of fills_of_orders_since held_positions known_fills "
        "newest_fill_time newest_settlement_time order_of_venue_id position_of save_balance save_correction "
        "save_fill save_position save_settlement set_realized settlement_of"
    ),
    cash: "cash_totals set_capital",
    findings: "close_findings closed_subjects open_findings save_finding",
    holds: "acknowledgements add publish",
    order_groups: "newest record",
    order_rows: (
        "adopt commit_intent fills_without_order filled_by_order known_venue_orders move open_orders order_by_id "
        "orders_of_client_ids strategies_of"
    ),
    quotes: "first_prices open_quotes",
    terms: "fee_schedules",
    ticks: "save_risk_event touch",
    unread_objects: "save",
}


class Ledger:
    """What the database would hold, for one mode."""

    def __init__(self) -> None:
        # No connection is ever made: a session without a statement needs none.
        self.engine: Engine = create_engine("sqlite://")
        self.orders: list[Order] = []
        self.fills: list[FillRow] = []
        self.positions: dict[str, PositionRow] = {}
        self.settlements: dict[str, SettlementRow] = {}
        self.corrections: list[tuple[str, dict[str, Any], datetime]] = []
        self.findings: list[Finding] = []
        self.group_acts: list[OrderGroupAct] = []
        self.acknowledged: dict[str, datetime] = {}
        self.holds: list[dict[str, Any]] = []
        self.published: list[datetime] = []
        self.risk_events: list[dict[str, Any]] = []
        self.touched: set[tuple[str, str, date]] = set()
        self.balances: list[dict[str, Any]] = []
        self.moved = Cash(ZERO)
        self.capital: Cash | None = None
        self.quotes: list[tuple[Order, float | None]] = []
        self.firsts: dict[tuple[str, str], Decimal] = {}
        self.asked_since: list[datetime] = []
        self.schedules: dict[str, frozenset[FeeSchedule]] = {}
        self.unread: list[tuple[int | None, UnreadObject, datetime]] = []
        self._sessions: set[Session] = set()

    def writer(self) -> Writer:
        """What holds the lock of this ledger."""
        return Writer(self.engine.connect())

    def lost_writer(self) -> Writer:
        """What held it until its session ended."""
        connection = self.engine.connect()
        connection.invalidate()
        return Writer(connection)

    @property
    def in_transaction(self) -> bool:
        """Whether something is written that is not committed yet."""
        return any(session.in_transaction() for session in self._sessions)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put it instead of the database."""
        for module, names in _REPOSITORIES.items():
            for name in names.split():
                monkeypatch.setattr(module, name, self._held_to(getattr(module, name), getattr(self, name)))

    def _held_to(self, real: Callable[..., Any], stand_in: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(real)

        def call(session: Session, *arguments: Any, **named: Any) -> Any:
            bound = signature.bind(session, *arguments, **named).arguments
            assert session.in_transaction(), f"{real.__name__} outside of a transaction"
            assert session.get_bind().engine is self.engine, f"{real.__name__} on another database"
            self._sessions.add(session)
            values = {**bound, **bound.get("values", {}), **named}
            for name in ("mode", "trading_mode"):
                assert values.get(name, DEMO) is DEMO, f"{real.__name__} for mode {values[name]}"
            return stand_in(*arguments, **named)

        return call

    def add_order(self, state: OrderState = OrderState.PENDING, **values: Any) -> Order:
        """An order that is there already."""
        event_ticker = str(values.get("ticker", "")).rpartition("-")[0]
        values = {"strategy_name": "normal-by-lead", "event_ticker": event_ticker, **values}
        row = Order(id=len(self.orders) + 1, trading_mode=DEMO, state=state, **values)
        self.orders.append(row)
        return row

    def add_fill(self, fill: Fill, order_id: int | None = None) -> FillRow:
        """A fill that is there already."""
        row = FillRow(
            id=len(self.fills) + 1,
            trading_mode=DEMO,
            venue_fill_id=fill.fill_id,
            venue_order_id=fill.order_id,
            order_id=order_id,
            ticker=fill.ticker,
            side=fill.side,
            count=fill.count,
            price=fill.price,
            fee=fill.fee,
            realized_pnl=Cash(ZERO),
            is_taker=fill.is_taker,
            filled_at=fill.filled_at,
        )
        self.fills.append(row)
        return row

    def save(self, mode: TradingMode, tick_id: int | None, objects: Collection[UnreadObject], at: datetime) -> None:
        assert mode is DEMO
        self.unread += [(tick_id, one, at) for one in objects]

    # --- orders

    def commit_intent(self, intent: OrderIntent, context: IntentContext, *, mode: TradingMode, at: datetime) -> int:
        row = self.add_order(**asdict(intent), **asdict(context), sent_at=at, state_event=OrderEvent.COMMITTED)
        assert mode is DEMO
        return row.id

    def adopt(self, *, mode: TradingMode, strategy: str, at: datetime, **values: Any) -> None:
        assert mode is DEMO
        assert isinstance(at, datetime)
        self.add_order(**values, strategy_name=strategy, updated_at=at, state_event=OrderEvent.ADOPTED)

    def move(
        self,
        order: Order,
        new: OrderState,
        *,
        at: datetime,
        reason: str | None,
        venue_order_id: str | None = None,
        event: OrderEvent | None = None,
    ) -> bool:
        assert isinstance(at, datetime)
        old = OrderState(order.state)
        if new is not old:
            order.state, order.state_event = new, event_of(old, new, event)
        order.state_reason, order.updated_at = reason, at
        order.venue_order_id = venue_order_id or order.venue_order_id
        return True

    def open_orders(self, mode: TradingMode) -> list[Order]:
        assert mode is DEMO
        return [order for order in self.orders if OrderState(order.state) in OPEN]

    def strategies_of(self, mode: TradingMode, event_ticker: str) -> set[str]:
        del mode
        return {order.strategy_name for order in self.orders if order.event_ticker == event_ticker}

    def order_by_id(self, order_id: int) -> Order:
        return next(order for order in self.orders if order.id == order_id)

    def orders_of_client_ids(self, mode: TradingMode, ids: Collection[str]) -> list[Order]:
        assert mode is DEMO
        return [order for order in self.orders if order.client_order_id in ids]

    def known_venue_orders(self, mode: TradingMode, *, venue_ids: Sequence[str], client_ids: Sequence[str]) -> set[str]:
        assert mode is DEMO
        by_client = {order.client_order_id for order in self.orders} & set(client_ids)
        return by_client | {order.venue_order_id for order in self.orders if order.venue_order_id} & set(venue_ids)

    def fills_without_order(self, mode: TradingMode) -> list[FillRow]:
        assert mode is DEMO
        return [fill for fill in self.fills if fill.order_id is None]

    def filled_by_order(self, mode: TradingMode) -> dict[int, Decimal]:
        filled: dict[int, Decimal] = {}
        still_open = {order.id for order in self.open_orders(mode)}
        for fill in self.fills:
            if fill.order_id is not None and fill.order_id in still_open:
                filled[fill.order_id] = filled.get(fill.order_id, ZERO) + fill.count
        return filled

    def open_quotes(self, mode: TradingMode) -> list[tuple[Order, float | None]]:
        assert mode is DEMO
        return self.quotes

    def first_prices(self, mode: TradingMode, since: datetime) -> dict[tuple[str, str], Decimal]:
        assert mode is DEMO
        self.asked_since.append(since)
        return self.firsts

    # --- fills, positions, settlements and cash

    def save_fill(self, values: dict[str, Any]) -> bool:
        if any(fill.venue_fill_id == values["venue_fill_id"] for fill in self.fills):
            return False
        self.fills.append(FillRow(id=len(self.fills) + 1, **values))
        return True

    def known_fills(self, mode: TradingMode, fill_ids: Collection[str]) -> frozenset[str]:
        assert mode is DEMO
        return frozenset(fill.venue_fill_id for fill in self.fills) & frozenset(fill_ids)

    def adopt_fills(self, order: Order) -> list[FillRow]:
        found = [f for f in self.fills if f.order_id is None and f.venue_order_id == order.venue_order_id]
        for fill in found:
            fill.order_id = order.id
        return found

    def fills_of(self, mode: TradingMode, ticker: str) -> list[FillRow]:
        assert mode is DEMO
        found = [fill for fill in self.fills if fill.ticker == ticker]
        return sorted(found, key=lambda row: execution_order(ledger.to_fill(row)))

    def fills_of_orders_since(self, mode: TradingMode, since: datetime) -> list[Fill]:
        assert mode is DEMO
        recent = {fill.venue_order_id for fill in self.fills if fill.filled_at >= since}
        found = (ledger.to_fill(fill) for fill in self.fills if fill.venue_order_id in recent)
        return sorted(found, key=execution_order)

    def set_realized(self, fill_id: int, realized: Cash) -> None:
        next(fill for fill in self.fills if fill.id == fill_id).realized_pnl = realized

    def order_of_venue_id(self, venue_order_id: str) -> Order | None:
        return next((order for order in self.orders if order.venue_order_id == venue_order_id), None)

    def newest_fill_time(self, mode: TradingMode) -> datetime | None:
        assert mode is DEMO
        return max((fill.filled_at for fill in self.fills), default=None)

    def newest_settlement_time(self, mode: TradingMode) -> datetime | None:
        assert mode is DEMO
        return max((row.settled_at for row in self.settlements.values()), default=None)

    def save_position(self, values: dict[str, Any]) -> None:
        before = self.positions.get(values["ticker"])
        kept = {"opened_at": before.opened_at} if before else {}
        self.positions[values["ticker"]] = PositionRow(**{**values, **kept})

    def position_of(self, mode: TradingMode, ticker: str) -> PositionRow | None:
        assert mode is DEMO
        return self.positions.get(ticker)

    def held_positions(self, mode: TradingMode) -> list[PositionRow]:
        assert mode is DEMO
        return [row for row in self.positions.values() if not row.is_closed]

    def close_position(self, mode: TradingMode, ticker: str, *, at: datetime) -> None:
        assert mode is DEMO
        if ticker in self.positions:
            self.positions[ticker].is_closed = True
            self.positions[ticker].updated_at = at

    def save_settlement(self, values: dict[str, Any]) -> bool:
        if values["ticker"] in self.settlements:
            return False
        self.settlements[values["ticker"]] = SettlementRow(**values)
        return True

    def settlement_of(self, mode: TradingMode, ticker: str) -> SettlementRow | None:
        assert mode is DEMO
        return self.settlements.get(ticker)

    def correct_settlement(self, row: SettlementRow, paid: Mapping[str, Any]) -> None:
        for name, value in paid.items():
            setattr(row, name, value)

    def save_correction(self, before: SettlementRow, after: Mapping[str, Any], *, at: datetime) -> None:
        self.corrections.append((before.result, dict(after), at))

    def save_balance(self, **values: Any) -> None:
        self.balances.append(values)

    def cash_totals(self, mode: TradingMode) -> CashTotals:
        assert mode is DEMO
        return CashTotals(self.moved, self.capital)

    def set_capital(self, mode: TradingMode, capital: Cash) -> None:
        assert mode is DEMO
        self.capital = capital

    def fee_schedules(self, mode: TradingMode) -> Mapping[str, frozenset[FeeSchedule]]:
        assert mode is DEMO
        return self.schedules

    # --- findings, holds, order groups, notes

    def save_finding(self, **values: Any) -> bool:
        for row in self.findings:
            if (row.kind, row.subject, row.closed_at) == (values["kind"], values["subject"], None):
                row.seen_at, row.message = values["seen_at"], values["message"]
                row.ours, row.theirs = values["ours"], values["theirs"]
                return False
        self.findings.append(Finding(id=len(self.findings) + 1, **values))
        return True

    def open_findings(self, mode: TradingMode) -> list[Finding]:
        assert mode is DEMO
        return [row for row in self.findings if row.closed_at is None]

    def close_findings(self, ids: Collection[int], *, by: str, note: str, at: datetime) -> None:
        for row in self.findings:
            if row.id in ids:
                row.closed_at, row.closed_by, row.note = at, by, note

    def closed_subjects(self, mode: TradingMode, kind: str, since: datetime) -> frozenset[str]:
        assert mode is DEMO
        rows = (row for row in self.findings if row.kind == kind and row.closed_at is not None)
        return frozenset(row.subject for row in rows if row.closed_at is not None and row.closed_at >= since)

    def acknowledgements(self, mode: TradingMode) -> Mapping[str, datetime]:
        assert mode is DEMO
        return self.acknowledged

    def add(self, mode: TradingMode, **values: Any) -> None:
        assert mode is DEMO
        self.holds.append(values)

    def publish(self, mode: TradingMode, now: datetime) -> None:
        assert mode is DEMO
        self.published.append(now)

    def newest(self, mode: TradingMode) -> OrderGroupAct | None:
        assert mode is DEMO
        return self.group_acts[-1] if self.group_acts else None

    def record(
        self, mode: TradingMode, act: order_groups.Act, group_id: str, limit: int, *, reason: str, at: datetime
    ) -> None:
        values = {"venue_group_id": group_id, "contracts_limit": limit, "act": act, "reason": reason, "at": at}
        self.group_acts.append(OrderGroupAct(trading_mode=mode, **values))

    def save_risk_event(self, **values: Any) -> None:
        assert values.pop("trading_mode") is DEMO
        self.risk_events.append(values)

    def touch(self, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            assert row.keys() == {"trading_mode", "bucket", "key", "day"}
            assert row["trading_mode"] is DEMO
            self.touched.add((row["bucket"], row["key"], row["day"]))

    def session(self) -> Session:
        """A session whose transaction is open until the test ends."""
        session = Session(self.engine)
        session.begin()
        return session


class Account(KalshiClient):
    """The exchange: it keeps what it was asked, and answers what the test says. `refuses` are errors by the call."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.asked: list[tuple[object, ...]] = []
        self.refuses: dict[str, Exception] = {}
        self.odd: list[UnreadObject] = []
        self.placed: PlacedOrder | None = None
        self.deadline: Deadline | None = None
        self.reduced_by = Count(ZERO)
        self.groups: dict[str, bool] = {}
        self.listed: list[VenueOrder] = []
        self.of_market: dict[str, list[VenueOrder]] = {}
        self.resting: list[VenueOrder] = []
        self.filled: list[Fill] = []
        self.settled: list[VenueSettlement] = []
        self.held: list[VenuePosition] = []
        self.in_queue: list[tuple[str, str]] = []
        self.as_of: datetime | None = None
        self.cash: Balance | None = None

    def create_order(self, intent: OrderIntent, deadline: Deadline | None = None) -> PlacedOrder:
        self._hear("create_order", intent)
        self.deadline = deadline
        assert self.placed is not None
        return self.placed

    def cancel_order(self, order_id: str, exchange_index: int) -> Count:
        self._hear("cancel_order", order_id, exchange_index)
        return self.reduced_by

    def cancel_all(self) -> None:
        self._hear("cancel_all")

    def create_order_group(self, contracts_limit: int) -> str:
        self._hear("create_order_group", contracts_limit)
        name = f"group-{len(self.groups) + 1}"
        self.groups[name] = True
        return name

    def order_group_ids(self) -> list[str]:
        self._hear("order_group_ids")
        return list(self.groups)

    def order_group(self, group_id: str) -> OrderGroup:
        self._hear("order_group", group_id)
        return OrderGroup(group_id, None, self.groups[group_id], ())

    def trigger_order_group(self, group_id: str) -> None:
        self._hear("trigger_order_group", group_id)

    def reset_order_group(self, group_id: str) -> None:
        self._hear("reset_order_group", group_id)

    def orders(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        status: VenueOrderStatus | None = None,
        since: datetime | None = None,
        unread: Unread | None = None,
    ) -> list[VenueOrder]:
        self._hear("orders", ticker, event_ticker, status, since)
        self._skip(ObjectKind.ORDER, unread)
        if ticker is not None:
            return self.of_market.get(ticker, [])
        return self.listed if status is None else self.resting

    def fills(self, *, since: datetime | None = None, unread: Unread | None = None) -> list[Fill]:
        self._hear("fills", since)
        self._skip(ObjectKind.FILL, unread)
        return self.filled

    def settlements(self, *, since: datetime | None = None, unread: Unread | None = None) -> list[VenueSettlement]:
        self._hear("settlements", since)
        self._skip(ObjectKind.SETTLEMENT, unread)
        return self.settled

    def positions(self, *, unread: Unread | None = None) -> list[VenuePosition]:
        self._hear("positions")
        self._skip(ObjectKind.POSITION, unread)
        return self.held

    def balance(self) -> Balance:
        self._hear("balance")
        assert self.cash is not None
        return self.cash

    def user_data_as_of(self) -> datetime:
        self._hear("user_data_as_of")
        assert self.as_of is not None
        return self.as_of

    def queued(self, tickers: Collection[str]) -> list[tuple[str, str]]:
        self._hear("queued", frozenset(tickers))
        return self.in_queue

    def _skip(self, kind: ObjectKind, unread: Unread | None) -> None:
        assert unread is not None, f"a caller that takes no {kind} apart"
        unread += [one for one in self.odd if one.kind is kind]

    def _hear(self, call: str, *arguments: object) -> None:
        assert not self._ledger.in_transaction, f"{call} while a transaction is open"
        self.asked.append((call, *arguments))
        if call in self.refuses:
            raise self.refuses[call]
