"""Many orders in one request. It is billed by the order and must fit the write bucket, so long lists are split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from milkbot.domain.orders import OrderIntent
from milkbot.domain.units import Count
from milkbot.http import TransportError
from milkbot.validation import reason
from milkbot.venue import batch_outcomes, outcomes
from milkbot.venue.batch_outcomes import Created
from milkbot.venue.calls.orders import ORDERS, OrderCalls, order_body
from milkbot.venue.errors import CancelFailedError, OrderNotSentError
from milkbot.venue.rate_limits import CANCEL_COST, DEFAULT_COST
from milkbot.venue.transport import refusal
from milkbot.venue.wire.batches import BatchReply, CanceledRow

_BATCH = f"{ORDERS}/batched"
_T = TypeVar("_T")


class BatchCalls(OrderCalls):
    """/portfolio/events/orders/batched."""

    def create_orders(self, intents: Sequence[OrderIntent]) -> list[Created]:
        """Send each order once. One outcome an intent, in their order; none is raised, so that none hides another."""
        found: dict[str, Created] = {}
        sound: list[tuple[OrderIntent, dict[str, object]]] = []
        for intent in intents:
            try:
                sound.append((intent, order_body(intent)))
                self._check_clock()
            except OrderNotSentError as error:
                found[intent.client_order_id] = error
        for part in self._parts([row for row in sound if row[0].client_order_id not in found], DEFAULT_COST):
            sent = [intent for intent, _ in part]
            outcomes_of_part = self._send_creates(sent, [body for _, body in part])
            found |= {intent.client_order_id: row for intent, row in zip(sent, outcomes_of_part, strict=True)}
        return [found[intent.client_order_id] for intent in intents]

    def cancel_orders(self, order_ids: Sequence[str], exchange_index: int = 0) -> list[Count | CancelFailedError]:
        """Contracts that no longer rest, one entry an id: 0 if there is no such order, an error if it may rest."""
        found: list[Count | CancelFailedError] = []
        for part in self._parts(order_ids, CANCEL_COST):
            found += self._send_cancels(part, exchange_index)
        return found

    def _send_creates(self, intents: list[OrderIntent], bodies: list[dict[str, object]]) -> list[Created]:
        try:
            reply = self._session.write("POST", _BATCH, DEFAULT_COST * len(bodies), body={"orders": bodies})
        except TransportError as error:
            return [outcomes.no_reply(intent.client_order_id, intent.ticker, error) for intent in intents]
        return batch_outcomes.created(intents, reply, self.unknown_fields)

    def _send_cancels(self, ids: Sequence[str], exchange_index: int) -> list[Count | CancelFailedError]:
        rows = [CanceledRow(order_id=name, exchange_index=exchange_index).body() for name in ids]
        what = f"cancel of {len(rows)} orders"
        try:
            reply = self._session.write("DELETE", _BATCH, CANCEL_COST * len(rows), body={"orders": rows})
            if not reply.ok:
                return [CancelFailedError(refusal(what, reply)) for _ in ids]
            answer = BatchReply.from_wire(reply.json(), self.unknown_fields)
        except (TransportError, ValueError) as error:
            return [CancelFailedError(f"{what} has no readable answer: {reason(error)}") for _ in ids]
        return batch_outcomes.canceled(ids, answer, self.unknown_fields)

    def _parts(self, rows: Sequence[_T], cost: int) -> Iterator[Sequence[_T]]:
        most = max(1, self._session.writes.limit.capacity // cost)
        for start in range(0, len(rows), most):
            yield rows[start : start + most]
