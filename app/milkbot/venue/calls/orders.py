"""Writing one order: create, cancel, amend, decrease. Each is sent exactly once, and its answer is judged."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import quote

from milkbot.domain.orders import BookSide, OrderIntent
from milkbot.domain.units import ZERO, Count, Price
from milkbot.http import Reply, TransportError
from milkbot.validation import reason
from milkbot.venue import outcomes
from milkbot.venue.calls.base import Calls
from milkbot.venue.errors import CancelFailedError, ClockSkewError, OrderNotSentError
from milkbot.venue.rate_limits import CANCEL_COST, DEFAULT_COST
from milkbot.venue.transport import refusal
from milkbot.venue.values import AmendedOrder, PlacedOrder
from milkbot.venue.wire.orders import AmendOrder, CanceledOrder, CreateOrder, DecreasedOrder, DecreaseOrder

ORDERS: Final = "/portfolio/events/orders"
KEEP: Final = "keep"
"""An amend that leaves the expiry as it is; None takes it away."""


class OrderCalls(Calls):
    """/portfolio/events/orders, one at a time."""

    def create_order(self, intent: OrderIntent) -> PlacedOrder:
        """Send an order once. Raises OrderRejectedError (proven) or OrderOutcomeUnknownError (all else)."""
        body = order_body(intent)
        self._check_clock()
        try:
            reply = self._session.write("POST", ORDERS, DEFAULT_COST, body=body)
        except TransportError as error:
            raise outcomes.no_reply(intent.client_order_id, intent.ticker, error) from error
        return outcomes.placed(intent, reply, self.unknown_fields)

    def amend_order(
        self,
        order_id: str,
        *,
        ticker: str,
        side: BookSide,
        price: Price,
        count: Count,
        exchange_index: int,
        client_order_id: str | None = None,
        updated_client_order_id: str | None = None,
        expires_at: datetime | str | None = KEEP,
    ) -> AmendedOrder:
        """Change a resting order once; `count` is the new total with what is filled already.

        A smaller count or another expiry alone keeps the place in the queue. Raises OrderRejectedError (proven: the
        order stands as it did) or OrderOutcomeUnknownError (it rests in either form, or is gone: look).
        """
        try:
            asked = AmendOrder(
                ticker=ticker,
                side=side,
                price=price,
                count=count,
                client_order_id=client_order_id,
                updated_client_order_id=updated_client_order_id,
                exchange_index=exchange_index,
                expiration_time=_expiry_change(expires_at),
            )
        except ValueError as error:
            raise OrderNotSentError(f"the amend is not valid: {reason(error)}") from error
        self._check_clock()
        try:
            reply = self._session.write("POST", f"{_path(order_id)}/amend", DEFAULT_COST, body=asked.body())
        except TransportError as error:
            raise outcomes.no_reply(order_id, ticker, error) from error
        return outcomes.amended(order_id, ticker, reply, self.unknown_fields)

    def decrease_order(
        self, order_id: str, exchange_index: int, *, by: Count | None = None, to: Count | None = None
    ) -> Count:
        """Let fewer contracts rest, in the same place of the queue. Returns how many still rest: 0 if none does.

        Give one of `by` and `to`. Raises CancelFailedError; ValueError for both or neither.
        """
        asked = DecreaseOrder(reduce_by=by, reduce_to=to, exchange_index=exchange_index)
        what = f"decrease of order {order_id}"
        reply = self._reducing(what, "POST", f"{_path(order_id)}/decrease", DEFAULT_COST, body=asked.body())
        if reply is None:
            return Count(ZERO)
        try:
            return DecreasedOrder.from_wire(reply.json(), self.unknown_fields).remaining_count
        except ValueError as error:
            raise CancelFailedError(f"{what} has no readable answer: {reason(error)}") from error

    def cancel_order(self, order_id: str, exchange_index: int) -> Count:
        """Contracts that no longer rest; 0 if the exchange has no such order to cancel. Raises CancelFailedError."""
        what = f"cancel of order {order_id}"
        params = [("exchange_index", str(exchange_index))]
        reply = self._reducing(what, "DELETE", _path(order_id), CANCEL_COST, params=params)
        if reply is None:
            return Count(ZERO)
        try:
            return CanceledOrder.from_wire(reply.json(), self.unknown_fields).reduced_by
        except ValueError as error:
            raise CancelFailedError(f"{what} has no readable answer: {reason(error)}") from error

    def cancel_all(self) -> None:
        """Cancel every resting order of the account; it may also hit orders of the next minute."""
        what = "cancel of all orders"
        if self._reducing(what, "DELETE", ORDERS, CANCEL_COST) is None:
            raise CancelFailedError(f"{what}: HTTP 404; the exchange does not know this call any more")

    def _reducing(
        self,
        what: str,
        method: str,
        path: str,
        cost: int,
        *,
        params: list[tuple[str, str]] | None = None,
        body: dict[str, object] | None = None,
    ) -> Reply | None:
        """Send what can only lower the risk, with a wrong clock too. None for 404: there is nothing of that id."""
        try:
            reply = self._session.write(method, path, cost, params=params or (), body=body)
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


def _expiry_change(expires_at: datetime | str | None) -> int | None:
    if expires_at is None:
        return 0
    if isinstance(expires_at, datetime):
        return int(expires_at.timestamp())
    if expires_at != KEEP:
        raise ValueError(f"expires_at is {expires_at!r}, expected a moment, None or KEEP")
    return None


def _path(order_id: str) -> str:
    return f"{ORDERS}/{quote(order_id, safe='')}"
