"""Making our ledger agree with the exchange: by evidence only, and whatever is left unexplained is a finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from milkbot import failpoints
from milkbot.db import cash as cash_rows
from milkbot.db import ledger, ticks
from milkbot.db import unread as unread_objects
from milkbot.db.ops import Order
from milkbot.db.session import transaction
from milkbot.domain.clock import Clock
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import OrderState
from milkbot.domain.units import Cash
from milkbot.domain.unread import ObjectKind, Unread, UnreadObject
from milkbot.trader.reconcile import adoption, cash, charged_fees, evidence, findings, positions, unread
from milkbot.trader.reconcile.bookkeeping import record_fills, record_settlements
from milkbot.trader.reconcile.cash import CashView
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.trader.reconcile.statement import Reach, Statement, read_statement
from milkbot.trader.strategies import NORMAL_BY_LEAD
from milkbot.trader.tickers import parse_ticker
from milkbot.venue.client import KalshiClient
from milkbot.venue.values import VenueOrder

log = structlog.get_logger(__name__)

_AGAIN: Final = frozenset({FindingKind.POSITION_MISMATCH, FindingKind.CASH_MISMATCH})
"""What a longer look back may explain: a fill or a settlement that came into the lists long after it happened."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the reconciliation found: free cash in dollars, and what rests. No new risk is taken in `blocked_events`."""

    cash: Cash
    blocked_events: frozenset[str] = frozenset()
    resting: tuple[VenueOrder, ...] = ()
    new_fills: int = 0
    new_settlements: int = 0
    mismatches: int = 0
    unread: tuple[UnreadObject, ...] = ()


class Reconciler:
    """Reads the account's orders, fills, positions, settlements and balance, and brings the database in line.

    An order that neither side explains for `deadline` is reported as overdue. One that is ours and was lost is taken to
    be of `strategy`.
    """

    def __init__(
        self,
        engine: Engine,
        venue: KalshiClient,
        clock: Clock,
        mode: TradingMode,
        deadline: timedelta = timedelta(minutes=10),
        strategy: str = NORMAL_BY_LEAD,
    ) -> None:
        self._engine = engine
        self._venue = venue
        self._clock = clock
        self._mode = mode
        self._deadline = deadline
        self._strategy = strategy

    def run(self, tick_id: int) -> Reconciled:
        """One pass over everything, and a second, longer one where positions or cash do not agree after the first.

        Raises VenueReadError if the exchange does not answer: what was committed before is true, and remains.
        """
        first = self._pass(tick_id, Reach.NEAR)
        if not any(one.kind in _AGAIN for one in first.found):
            return self._closed(tick_id, first)
        second = self._pass(tick_id, Reach.FAR)
        told_once = [one for one in first.found if one.kind not in _AGAIN]
        return self._closed(
            tick_id,
            _Pass(
                second.statement,
                [*told_once, *second.found],
                second.unresolved,
                second.cash,
                first.new_fills + second.new_fills,
                first.new_settlements + second.new_settlements,
            ),
        )

    def fills_only(self) -> int:
        """Read and record the newest fills, after orders were sent; returns how many were new.

        One that cannot be read is left to the next tick, which reads it again before anything is sent.
        """
        with transaction(self._engine) as session:
            since = Reach.NEAR.before(ledger.newest_fill_time(session, self._mode))
        left: Unread = []
        fills = self._venue.fills(since=since, unread=left)
        for one in left:
            log.warning("object not understood", kind=one.kind, subject=one.subject, reason=one.reason)
        with transaction(self._engine) as session:
            new = record_fills(session, self._mode, fills, at=self._clock.now())
        failpoints.reach("fills.committed")
        return new

    def _pass(self, tick_id: int, reach: Reach) -> _Pass:
        statement = read_statement(self._engine, self._venue, self._mode, reach)
        failpoints.reach("account.read")
        mode, now = self._mode, self._clock.now()
        with transaction(self._engine) as session:
            found = adoption.adopt(session, mode, statement.orders, now, self._strategy)
            listing = evidence.Listing(statement.orders, statement.as_of, now, statement.unlisted)
            seen = evidence.apply(session, mode, listing, self._deadline)
            self._note_unresolved(session, tick_id, seen.unresolved)
            new_fills = record_fills(session, mode, statement.fills, at=now)
            new_settlements = record_settlements(session, mode, statement.settlements, at=now)
            view = cash.read_view(
                session, mode, statement.balance.cash, now, is_whole=not unread.found(statement.unread, {})
            )
            found += [
                *seen.found,
                *adoption.unknown_fills(session, mode, statement.orders),
                *positions.compare(
                    session, mode, statement.positions, unread.tickers(statement.unread, ObjectKind.POSITION)
                ),
                *unread.found(statement.unread, statement.since),
                *charged_fees.compare(session, mode, now),
                *cash.judge(view, cash_rows.cash_totals(session, mode).capital),
            ]
            unresolved = frozenset(order.event_ticker for order in seen.unresolved)
            # With what was changed for them: after it nobody could find these again.
            findings.store(session, mode, tick_id, [one for one in found if one.kind not in _AGAIN], (), now)
        failpoints.reach("evidence.committed")
        return _Pass(statement, found, unresolved, view, new_fills, new_settlements)

    def _closed(self, tick_id: int, last: _Pass) -> Reconciled:
        """Store what the passes found, close what they find no more, and keep the balance."""
        now = self._clock.now()
        looked_for = frozenset(FindingKind) - {FindingKind.INVARIANT}
        with transaction(self._engine) as session:
            findings.store(session, self._mode, tick_id, last.found, looked_for, now)
            blocked = findings.blocked_events(session, self._mode)
            unread_objects.save(session, self._mode, tick_id, last.statement.unread, now)
            ledger.save_balance(
                session,
                trading_mode=self._mode,
                tick_id=tick_id,
                captured_at=now,
                cash=last.statement.balance.cash,
                portfolio_value=last.statement.balance.portfolio_value,
                moved=last.cash.moved,
                held_back=last.cash.held_back,
            )
        failpoints.reach("reconciled.committed")
        return Reconciled(
            cash=last.statement.balance.cash,
            blocked_events=blocked | last.unresolved,
            resting=last.statement.resting,
            new_fills=last.new_fills,
            new_settlements=last.new_settlements,
            mismatches=sum(one.kind in _AGAIN for one in last.found),
            unread=last.statement.unread,
        )

    def _note_unresolved(self, session: Session, tick_id: int, orders: Iterable[Order]) -> None:
        for order in orders:
            parsed = parse_ticker(order.ticker)
            since = order.updated_at.isoformat()
            ticks.save_risk_event(
                session,
                trading_mode=self._mode,
                tick_id=tick_id,
                event_type="order_unresolved",
                severity="warning",
                message=f"order {order.client_order_id} is {OrderState(order.state)} since {since} and the exchange "
                "does not list it",
                city_code=parsed.city.code if parsed else None,
                ticker=order.ticker,
                event_time=self._clock.now(),
            )


@dataclass(frozen=True, slots=True)
class _Pass:
    statement: Statement
    found: Sequence[Found]
    unresolved: frozenset[str]
    cash: CashView
    new_fills: int
    new_settlements: int
