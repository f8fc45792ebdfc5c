"""Order groups: the exchange's own guard against a runaway, and a switch that cancels a group's orders at once."""

from __future__ import annotations

from pydantic import Field

from milkbot.venue.wire.base import CountText, WireModel


class CreateGroup(WireModel):
    """POST /portfolio/order_groups/create: contracts that may trade in any 15 seconds."""

    contracts_limit: int = Field(ge=1, le=1_000_000)
    exchange_index: int = 0


class CreatedGroup(WireModel):
    """The answer to it."""

    UNREAD = frozenset({"subaccount", "exchange_index"})

    order_group_id: str = Field(min_length=1)


class ListedGroup(WireModel):
    """One of GET /portfolio/order_groups."""

    UNREAD = frozenset({"is_auto_cancel_enabled", "contracts_limit_fp", "exchange_index"})

    id: str = Field(min_length=1)


class GroupList(WireModel):
    """GET /portfolio/order_groups, which has no pages."""

    order_groups: tuple[ListedGroup, ...] = ()


class Group(WireModel):
    """GET /portfolio/order_groups/{id}."""

    UNREAD = frozenset({"exchange_index"})

    is_auto_cancel_enabled: bool
    orders: tuple[str, ...]
    contracts_limit_fp: CountText | None = None
