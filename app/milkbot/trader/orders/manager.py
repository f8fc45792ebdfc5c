"""Sending orders. The intent is committed before a socket is touched; what came back is recorded after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from milkbot import failpoints
from milkbot.db import orders as order_rows
from milkbot.db import ticks
from milkbot.db.state import Writer
from milkbot.domain.clock import Clock, Deadline
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import OPEN, OrderIntent, OrderState, TimeInForce
from milkbot.domain.units import ZERO
from milkbot.errors import MilkbotError
from milkbot.trader.tickers import parse_ticker
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import OrderOutcomeUnknownError, OrderRejectedError, OrderTooLateError
from milkbot.venue.values import PlacedOrder

log = structlog.get_logger(__name__)

SEND_WITHIN: Final = 20.0
"""Seconds from the begin of an intent's commit, after which its order is not sent any more.

A process may be stopped at any step (SIGSTOP, swap, a sleeping machine). Its lock may be lost meanwhile, and another
tick gives up an order that the exchange's lists do not show `ABSENCE_PROOF` (60 s) after that begin. So the last byte
of an order must have left before. These seconds add up to 45:

- 20 until its body is given to the socket, which is connected by then: `HttpSession.send` asks for the deadline there;
- `WRITE_SECONDS` (5), for which the socket may have no room for it;
- `UNACKNOWLEDGED_SECONDS` (10), for which the kernel may repeat it;
- `MAX_SKEW_SECONDS` (10) between our clock, which stamps the begin, and the exchange's, which stamps its lists.

Nothing can be asked between the last question and the system call that writes. A process that is stopped within these
microseconds sends its order later. So does a machine that falls asleep with the order in its kernel.
"""


@dataclass(frozen=True, slots=True)
class Cancel:
    """An order to cancel, by its name and the exchange's, and why."""

    client_order_id: str
    venue_order_id: str
    exchange_index: int
    ticker: str
    reason: str


class OrderManager:
    """The only sender of orders, and of cancels in a tick.

    It stores them as the ledger's writer: none is sent whose row was not committed while the lock was held.
    """

    def __init__(self, writer: Writer, venue: KalshiClient, clock: Clock, mode: TradingMode) -> None:
        self._writer = writer
        self._venue = venue
        self._clock = clock
        self._mode = mode
        self.too_late = 0
        """Orders whose deadline passed before they were sent."""

    def place(self, intent: OrderIntent, context: order_rows.IntentContext) -> OrderState:
        """Commit the intent, send it once, record the outcome; returns the order's state.

        Raises DatabaseUnavailableError before anything is sent when the intent cannot be committed. If the outcome
        cannot be committed the order remains PENDING, which the next reconciliation treats as unknown.

        An order that cannot be sent within SEND_WITHIN is never sent: it is REJECTED as `too_late`.
        """
        deadline = Deadline.within(self._clock, SEND_WITHIN)
        with self._writer.transaction() as session:
            # Not before the deadline is set: others count from this time, and must not count from an earlier one.
            now = self._clock.now()
            order_id = order_rows.commit_intent(session, intent, context, mode=self._mode, at=now)
        failpoints.reach("intent.committed")
        placed: PlacedOrder | None = None
        reason: str | None = None
        try:
            placed = self._venue.create_order(intent, deadline)
            state = state_of_answer(intent, placed)
        except OrderRejectedError as error:
            state, reason = OrderState.REJECTED, error.reason
            self.too_late += isinstance(error, OrderTooLateError)
        except OrderOutcomeUnknownError as error:
            state, reason = OrderState.UNKNOWN, str(error)
        failpoints.reach("create.answered")
        with self._writer.transaction() as session:
            order = order_rows.order_by_id(session, order_id)
            venue_id = placed.order_id if placed else None
            order_rows.move(session, order, state, at=self._clock.now(), reason=reason, venue_order_id=venue_id)
        failpoints.reach("outcome.committed")
        log.info("order sent", client_order_id=intent.client_order_id, ticker=intent.ticker, state=state, reason=reason)
        return state

    def cancel(self, cancel: Cancel, tick_id: int) -> bool:
        """Store the cancel of an order, send it once, record the answer; returns whether the exchange took it.

        An order that the exchange has taken away is over. One that was over already, or whose answer is lost, is left
        to the evidence of the next reconciliation: it may have been filled meanwhile.

        Unlike an order it has no deadline. It names one order by the exchange's id, which no other order ever gets. A
        tick that froze and sends it late takes away what it decided to take away, or nothing, and that lowers risk. It
        costs a quote that a later tick may have wanted to keep; the exchange's lists show that one as canceled. What
        the frozen tick would record is not committed any more: its lock is gone.
        """
        now = self._clock.now()
        parsed = parse_ticker(cancel.ticker)
        with self._writer.transaction() as session:
            ticks.save_risk_event(
                session,
                trading_mode=self._mode,
                tick_id=tick_id,
                event_type="order_canceled",
                severity="info",
                message=f"order {cancel.client_order_id} is taken away: {cancel.reason}",
                city_code=parsed.city.code if parsed else None,
                ticker=cancel.ticker,
                event_time=now,
            )
        failpoints.reach("cancel.committed")
        try:
            reduced_by = self._venue.cancel_order(cancel.venue_order_id, cancel.exchange_index)
        except MilkbotError as error:
            log.warning("cancel failed", order_id=cancel.venue_order_id, problem=str(error))
            return False
        failpoints.reach("cancel.answered")
        if reduced_by > ZERO:
            with self._writer.transaction() as session:
                for order in order_rows.orders_of_client_ids(session, self._mode, [cancel.client_order_id]):
                    if OrderState(order.state) in OPEN:
                        order_rows.move(
                            session, order, OrderState.CANCELED, at=self._clock.now(), reason=str(cancel.reason)
                        )
        failpoints.reach("cancel.recorded")
        return True

    def cancel_each(self, cancels: Iterable[Cancel], tick_id: int) -> int:
        """Cancel them in turn; returns how many it sent. Raises DatabaseUnavailableError once the lock is lost."""
        return sum(self.cancel(cancel, tick_id) for cancel in cancels)


def state_of_answer(intent: OrderIntent, placed: PlacedOrder) -> OrderState:
    """The state that an accepted create leaves. An order that may not rest ends with what it got."""
    if placed.fill_count >= intent.count:
        return OrderState.FILLED
    if intent.time_in_force is not TimeInForce.GOOD_TILL_CANCELED or placed.remaining_count <= ZERO:
        return OrderState.CANCELED
    return OrderState.PARTIALLY_FILLED if placed.fill_count > ZERO else OrderState.RESTING
