"""Order groups: a limit on contracts in any 15 seconds that the exchange itself enforces, and a remote kill switch."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from milkbot.http import Reply, TransportError
from milkbot.validation import reason
from milkbot.venue.calls.base import Calls
from milkbot.venue.errors import OrderGroupError
from milkbot.venue.rate_limits import DEFAULT_COST
from milkbot.venue.transport import refusal
from milkbot.venue.values import OrderGroup
from milkbot.venue.wire import groups

_GROUPS: Final = "/portfolio/order_groups"


class GroupCalls(Calls):
    """/portfolio/order_groups. Reads raise VenueReadError; writes are sent once and raise OrderGroupError."""

    def create_order_group(self, contracts_limit: int) -> str:
        """A new group's id. An answer that is lost leaves a group without orders behind, which does no harm."""
        try:
            asked = groups.CreateGroup(contracts_limit=contracts_limit)
        except ValueError as error:
            raise OrderGroupError(f"the order group is not valid: {reason(error)}") from error
        reply = self._write("creating an order group", "POST", f"{_GROUPS}/create", asked.body())
        try:
            return groups.CreatedGroup.from_wire(reply.json(), self.unknown_fields).order_group_id
        except ValueError as error:
            raise OrderGroupError(f"the answer to a new order group names none: {reason(error)}") from error

    def order_group_ids(self) -> list[str]:
        """All groups of the account."""
        return self._one(_GROUPS, groups.GroupList, lambda wire: [group.id for group in wire.order_groups])

    def order_group(self, group_id: str) -> OrderGroup:
        """A group with its orders, and whether it still takes new ones."""

        def value(wire: groups.Group) -> OrderGroup:
            return OrderGroup(group_id, wire.contracts_limit_fp, wire.is_auto_cancel_enabled, wire.orders)

        return self._one(_path(group_id), groups.Group, value)

    def trigger_order_group(self, group_id: str) -> None:
        """Cancel all orders of a group and let it take none until it is reset. It is sent with a wrong clock too."""
        self._write(f"triggering order group {group_id}", "PUT", f"{_path(group_id)}/trigger", {})

    def reset_order_group(self, group_id: str) -> None:
        """Let a group take orders again, and count from zero."""
        self._write(f"resetting order group {group_id}", "PUT", f"{_path(group_id)}/reset", {})

    def _write(self, what: str, method: str, path: str, body: dict[str, object]) -> Reply:
        try:
            reply = self._session.write(method, path, DEFAULT_COST, body=body)
        except TransportError as error:
            raise OrderGroupError(f"{what} has no answer: {error}") from error
        if not reply.ok:
            raise OrderGroupError(refusal(what, reply))
        return reply


def _path(group_id: str) -> str:
    return f"{_GROUPS}/{quote(group_id, safe='')}"
