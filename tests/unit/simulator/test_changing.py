"""An amend that keeps a place it should lose, or a decrease that grows an order, is not what the exchange does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.simulator.scripted import CLOSES, MIDDLE, OPENS, Desk

from milkbot.domain.orders import BookSide
from milkbot.domain.units import count, price
from milkbot.simulator.engine.changing import AmendRequest, amend, decrease
from milkbot.simulator.engine.collateral import available
from milkbot.simulator.engine.records import Order
from milkbot.simulator.engine.rejects import RejectError


@pytest.fixture
def desk() -> Desk:
    """Quotes at 40 and 50 cents."""
    opened = Desk()
    opened.quote(40, 50)
    return opened


def change(desk: Desk, order: Order, contracts: str, at: str, **more: Any) -> tuple[Order, int]:
    fields = {"ticker": MIDDLE, "side": BookSide.BID, **more}
    request = AmendRequest(price=price(at), count=count(contracts), **fields)
    return amend(desk.state, desk.alice, order.order_id, request)


def refused(desk: Desk, order: Order, contracts: str, at: str, **more: Any) -> str:
    before = (order.cents, order.remaining_lots, order.initial_lots, order.sequence, available(desk.state, desk.alice))
    with pytest.raises(RejectError) as error:
        change(desk, order, contracts, at, **more)
    after = (order.cents, order.remaining_lots, order.initial_lots, order.sequence, available(desk.state, desk.alice))
    assert after == before
    return error.value.code


def queue(desk: Desk) -> list[str]:
    return [resting.ref for resting in desk.market().orderbook.bids if not resting.is_house]


def test_a_smaller_size_keeps_the_place_in_the_queue(desk: Desk) -> None:
    first, second = desk.order("bid", "5", "0.45"), desk.order("bid", "5", "0.45", who="bob")
    change(desk, first, "3", "0.45")
    assert queue(desk) == [first.order_id, second.order_id]
    assert (first.remaining_lots, first.initial_lots) == (300, 300)
    assert available(desk.state, desk.alice) == 100 - Decimal("1.35")


@pytest.mark.parametrize(("contracts", "at"), [("6", "0.45"), ("5", "0.44")])
def test_a_larger_size_or_another_price_moves_to_the_end_of_the_queue(desk: Desk, contracts: str, at: str) -> None:
    first, second = desk.order("bid", "5", "0.45"), desk.order("bid", "5", at, who="bob")
    change(desk, first, contracts, at)
    assert queue(desk) == [second.order_id, first.order_id]


def test_an_expiry_is_kept_changed_or_removed_in_place(desk: Desk) -> None:
    soon = int((OPENS + timedelta(minutes=5)).timestamp())
    first, second = desk.order("bid", "5", "0.45", expiration_time=soon), desk.order("bid", "5", "0.45", who="bob")
    expiries = [change(desk, first, "5", "0.45", **more)[0].expires_at for more in ({}, {"expiration_time": 0})]
    assert expiries == [OPENS + timedelta(minutes=5), None]
    desk.pass_time(timedelta(minutes=10))
    assert first.status == "resting"
    assert queue(desk) == [first.order_id, second.order_id]
    assert refused(desk, first, "5", "0.45", expiration_time=soon) == "invalid_order"


def test_an_amend_that_crosses_takes_and_its_rest_is_open(desk: Desk) -> None:
    order = desk.order("bid", "4", "0.45")
    _, filled = change(desk, order, "12", "0.50")
    assert (filled, order.filled_lots, order.remaining_lots, order.status) == (1000, 1000, 200, "resting")
    assert desk.alice.holdings[MIDDLE].position.signed_count == 10


def test_the_total_includes_what_is_filled_already(desk: Desk) -> None:
    order = desk.order("bid", "12", "0.50")
    assert (order.filled_lots, order.remaining_lots) == (1000, 200)
    assert refused(desk, order, "10", "0.50") == "invalid_order_size"
    change(desk, order, "11", "0.50")
    assert order.remaining_lots == 100


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"ticker": "ANOTHER"}, "invalid_order"),
        ({"side": BookSide.ASK}, "order_side_mismatch"),
        ({"client_order_id": "id-9"}, "order_id_and_client_order_id_mismatch"),
        ({"updated_client_order_id": "id-2"}, "order_already_exists"),
    ],
)
def test_an_amend_that_names_another_order_changes_nothing(desk: Desk, more: dict[str, Any], code: str) -> None:
    order = desk.order("bid", "5", "0.45")
    desk.order("bid", "1", "0.30")
    assert refused(desk, order, "4", "0.45", **more) == code


def test_an_amend_can_change_the_client_order_id(desk: Desk) -> None:
    order = desk.order("bid", "5", "0.45")
    change(desk, order, "5", "0.45", client_order_id="id-1", updated_client_order_id="id-1b")
    assert order.client_order_id == "id-1b"


def test_an_amend_beyond_the_balance_or_of_a_post_only_order_into_the_book_changes_nothing(desk: Desk) -> None:
    order = desk.order("bid", "5", "0.45", post_only=True)
    assert refused(desk, order, "500", "0.45") == "available_balance_too_low"
    assert refused(desk, order, "5", "0.50") == "invalid_order"
    assert queue(desk) == [order.order_id]
    assert refused(desk, order, "5", "0.455") == "invalid_price"


def test_an_amend_needs_an_open_market_and_a_resting_order(desk: Desk) -> None:
    order = desk.order("bid", "5", "0.45")
    desk.state.now = CLOSES
    assert refused(desk, order, "4", "0.45") == "market_closed"
    desk.state.now = OPENS
    desk.state.cancel(order, OPENS)
    assert refused(desk, order, "4", "0.45") == "not_found"


def test_a_decrease_keeps_the_place_and_to_zero_cancels(desk: Desk) -> None:
    first, second = desk.order("bid", "5", "0.45"), desk.order("bid", "5", "0.45", who="bob")
    decrease(desk.state, desk.alice, first.order_id, by=count(2), to=None)
    decrease(desk.state, desk.alice, first.order_id, by=None, to=count("0.5"))
    assert (first.remaining_lots, queue(desk)) == (50, [first.order_id, second.order_id])
    decrease(desk.state, desk.alice, first.order_id, by=None, to=count(0))
    assert (first.status, queue(desk)) == ("canceled", [second.order_id])


@pytest.mark.parametrize(("by", "to"), [(None, "5"), (None, "6"), ("0", None), ("6", None), (None, None), ("1", "1")])
def test_a_decrease_that_reduces_nothing_is_refused(desk: Desk, by: str | None, to: str | None) -> None:
    order = desk.order("bid", "5", "0.45")
    with pytest.raises(RejectError):
        decrease(
            desk.state,
            desk.alice,
            order.order_id,
            by=None if by is None else count(by),
            to=None if to is None else count(to),
        )
    assert order.remaining_lots == 500
