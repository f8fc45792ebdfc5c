"""Writing orders: create, cancel, cancel all. Each is sent exactly once, and its answer is judged."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from milkbot.domain.clock import Deadline
from milkbot.domain.orders import OrderIntent
from milkbot.domain.units import ZERO, Count
from milkbot.http import Params, Reply, TooLateError, TransportError
from milkbot.validation import reason
from milkbot.venue import outcomes
from milkbot.venue.calls.base import Calls
from milkbot.venue.errors import CancelFailedError, ClockSkewError, OrderNotSentError, OrderTooLateError
from milkbot.venue.rate_limits import CANCEL_COST, DEFAULT_COST
from milkbot.venue.transport import refusal
from milkbot.venue.values import PlacedOrder
from milkbot.venue.wire.orders import CanceledOrder, CreateOrder

ORDERS: Final = "/portfolio/events/orders"


class OrderCalls(Calls):
    """/portfolio/events/orders, one at a time."""

    def create_order(self, intent: OrderIntent, deadline: Deadline | None = None) -> PlacedOrder:
        """Send an order once. Raises OrderRejectedError (proven) or OrderOutcomeUnknownError (all else).

        Past its deadline it is not sent any more: that raises OrderTooLateError, which is a proven rejection.
        """
        body = order_body(intent)
        self._check_clock()
        try:
            reply = self._session.write("POST", ORDERS, DEFAULT_COST, body=body, deadline=deadline)
        except TooLateError as error:
            raise OrderTooLateError(str(error)) from error
        except TransportError as error:
            raise outcomes.no_reply(intent.client_order_id, intent.ticker, error) from error
        return outcomes.placed(intent, reply, self.unknown_fields)

    def cancel_order(self, order_id: str, exchange_index: int) -> Count:
        """Contracts that no longer rest; 0 if the exchange has no such order to cancel. Raises CancelFailedError."""
        what = f"cancel of order {order_id}"
        path = f"{ORDERS}/{quote(order_id, safe='')}"
        reply = self._delete(what, path, [("exchange_index", str(exchange_index))])
        if reply is None:
            return Count(ZERO)
        try:
            return CanceledOrder.from_wire(reply.json(), self.unknown_fields).reduced_by
        except ValueError as error:
            raise CancelFailedError(f"{what} has no readable answer: {reason(error)}") from error

    def cancel_all(self) -> None:
        """Cancel every resting order of the account; it may also hit orders of the next minute."""
        what = "cancel of all orders"
        if self._delete(what, ORDERS) is None:
            raise CancelFailedError(f"{what}: HTTP 404; the exchange does not know this call any more")

    def _delete(self, what: str, path: str, params: Params = ()) -> Reply | None:
        """Send what can only lower the risk, with a wrong clock too. None for 404: there is nothing of that id."""
        try:
            reply = self._session.write("DELETE", path, CANCEL_COST, params=params)
        except TransportError as error:
            raise CancelFailedError(f"{what} has no readable answer: {error}") from error
        if reply.status == 404:
            return None
        if not reply.ok:
            raise CancelFailedError(refusal(what, reply))
        return reply

    def _check_clock(self) -> None:
        try:
            self._session.check_clock()
        except ClockSkewError as error:
            raise OrderNotSentError(str(error)) from error


def order_body(intent: OrderIntent) -> dict[str, object]:
    """The create that an intent asks for. Raises OrderNotSentError where it does not fit the wire."""
    try:
        order = CreateOrder(
            ticker=intent.ticker,
            client_order_id=intent.client_order_id,
            side=intent.side,
            count=intent.count,
            price=intent.price,
            time_in_force=intent.time_in_force,
            self_trade_prevention_type="taker_at_cross",
            post_only=intent.post_only,
            reduce_only=intent.reduce_only,
            cancel_order_on_pause=True,
            exchange_index=intent.exchange_index,
            expiration_time=None if intent.expires_at is None else int(intent.expires_at.timestamp()),
            order_group_id=intent.order_group_id,
        )
    except ValueError as error:
        raise OrderNotSentError(f"the order is not valid: {reason(error)}") from error
    return order.body()
