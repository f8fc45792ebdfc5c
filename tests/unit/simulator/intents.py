"""Orders for the scripted market, whose house bids 40 and asks 50 cents for ten contracts."""

from __future__ import annotations

from typing import Any

from tests.unit.simulator.scripted import MIDDLE, OPENS

from milkbot.domain.orders import BookSide, OrderIntent, TimeInForce
from milkbot.domain.units import count, price


def resting(name: str = "mb-1", contracts: str = "4", at: str = "0.45", **more: Any) -> OrderIntent:
    """A bid that waits between the house's quotes."""
    return intent(name, contracts, at, TimeInForce.GOOD_TILL_CANCELED, **more)


def taking(name: str = "mb-1", contracts: str = "4", at: str = "0.50", **more: Any) -> OrderIntent:
    """A bid that takes the house's offer and does not wait."""
    return intent(name, contracts, at, TimeInForce.IMMEDIATE_OR_CANCEL, **more)


def intent(name: str, contracts: str, at: str, time_in_force: TimeInForce, **more: Any) -> OrderIntent:
    """A bid in the middle bracket; `more` are other fields of an intent."""
    fields: dict[str, Any] = {
        "ticker": MIDDLE,
        "side": BookSide.BID,
        "exchange_index": 0,
        "created_at": OPENS,
        **more,
    }
    return OrderIntent(
        client_order_id=name, count=count(contracts), price=price(at), time_in_force=time_in_force, **fields
    )
