"""What an account's order does, and what the exchange refuses."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.unit.simulator.scripted import CLOSES, LOW, MIDDLE, OPENS, Desk

from milkbot.domain.orders import TimeInForce
from milkbot.simulator.engine.changing import cancel, cancel_all
from milkbot.simulator.engine.collateral import available, reserved_total
from milkbot.simulator.engine.orderbook import SelfTrade
from milkbot.simulator.engine.rejects import RejectError
from milkbot.simulator.engine.trading import RECENT
from milkbot.venue.values import VenueOrderStatus

IOC, FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL


def refusal(error: pytest.ExceptionInfo[RejectError]) -> tuple[int, str]:
    return error.value.status, error.value.code


def test_taker_pays_the_resting_price_and_the_recorded_fee() -> None:
    desk = Desk()
    desk.quote(40, 49)

    order = desk.order("bid", "4", "0.55", time_in_force=IOC)

    assert order.status is VenueOrderStatus.EXECUTED
    assert order.taker_fees == Decimal("0.0700")
    assert desk.alice.cash == Decimal(100) - Decimal("1.96") - Decimal("0.07")


def test_buying_no_costs_the_other_leg() -> None:
    desk = Desk()
    desk.quote(40, 45)

    order = desk.order("ask", "1", "0.40", time_in_force=IOC)

    assert order.taker_cost == Decimal("0.60")
    assert desk.alice.holdings[MIDDLE].position.signed_count == -1
    assert desk.alice.cash == Decimal(100) - Decimal("0.60") - Decimal("0.0168")


def test_resting_order_is_filled_at_its_own_price_without_a_fee() -> None:
    desk = Desk()
    desk.quote(40, 50)
    order = desk.order("bid", "5", "0.45")

    desk.world.house.quote(MIDDLE, OPENS + timedelta(minutes=5), 30, 44)
    desk.pass_time(timedelta(minutes=10))

    assert order.status is VenueOrderStatus.EXECUTED
    assert order.taker_fees == 0
    assert desk.alice.cash == Decimal(100) - Decimal("2.25")


def test_immediate_or_cancel_does_not_rest() -> None:
    desk = Desk()
    desk.quote(40, 50, contracts=3)

    order = desk.order("bid", "5", "0.50", time_in_force=IOC)

    assert (order.filled_lots, order.remaining_lots, order.status) == (300, 0, VenueOrderStatus.CANCELED)
    assert not desk.state.resting


def test_fill_or_kill_fills_nothing_rather_than_a_part() -> None:
    desk = Desk()
    desk.quote(40, 50, contracts=3)

    with pytest.raises(RejectError) as error:
        desk.order("bid", "5", "0.50", time_in_force=FOK)

    assert refusal(error) == (409, "fill_or_kill_insufficient_resting_volume")
    assert desk.alice.cash == 100


def test_post_only_order_that_would_take_is_refused() -> None:
    desk = Desk()
    desk.quote(40, 50)

    with pytest.raises(RejectError) as error:
        desk.order("bid", "1", "0.50", post_only=True)

    assert refusal(error) == (400, "invalid_order")


def test_reduce_only_never_opens_or_reverses_a_position() -> None:
    desk = Desk()
    desk.quote(40, 50)
    with pytest.raises(RejectError):
        desk.order("ask", "1", "0.40", time_in_force=IOC, reduce_only=True)
    desk.order("bid", "2", "0.50", time_in_force=IOC)

    order = desk.order("ask", "9", "0.40", time_in_force=IOC, reduce_only=True)

    assert order.initial_lots == 200
    assert desk.alice.holdings[MIDDLE].position.signed_count == 0


def test_closing_a_position_pays_out_instead_of_costing() -> None:
    desk = Desk(balance="5.20")
    desk.quote(40, 50)
    desk.order("bid", "10", "0.50", time_in_force=IOC)
    assert available(desk.state, desk.alice) < 1

    desk.order("ask", "10", "0.40", time_in_force=IOC)

    assert desk.alice.cash == Decimal("5.20") - Decimal("5.175") + Decimal(4) - Decimal("0.168")
    assert desk.alice.holdings[MIDDLE].position.realized == Decimal(-1)


def test_a_repeated_client_order_id_is_a_conflict_even_after_the_order_ended() -> None:
    desk = Desk()
    desk.quote(40, 50)
    order = desk.order("bid", "1", "0.30", client_order_id="same")
    with pytest.raises(RejectError) as live:
        desk.order("bid", "1", "0.30", client_order_id="same")
    cancel(desk.state, desk.alice, order.order_id)

    with pytest.raises(RejectError) as recent:
        desk.order("bid", "1", "0.30", client_order_id="same")

    assert refusal(live) == refusal(recent) == (409, "order_already_exists")
    assert timedelta(hours=1) < RECENT
    assert desk.order("bid", "1", "0.30", client_order_id="same", who="bob").remaining_lots == 100


@pytest.mark.parametrize(
    ("count", "price", "code"),
    [
        ("0", "0.50", "invalid_order_size"),
        ("-1", "0.50", "invalid_order_size"),
        ("0.005", "0.50", "invalid_order_size"),
        ("1", "0.505", "invalid_price"),
        ("1", "0", "invalid_price"),
        ("1", "1", "invalid_price"),
    ],
)
def test_size_and_price_off_the_grid_are_refused(count: str, price: str, code: str) -> None:
    desk = Desk()

    with pytest.raises(RejectError) as error:
        desk.order("bid", count, price)

    assert refusal(error) == (400, code)


def test_resting_orders_reserve_their_cost() -> None:
    desk = Desk(balance="10")
    desk.quote(40, 50)
    desk.order("bid", "10", "0.30")
    desk.order("ask", "5", "0.80", ticker=LOW)

    assert reserved_total(desk.state, desk.alice) == Decimal(4)
    with pytest.raises(RejectError) as error:
        desk.order("bid", "30", "0.21")
    assert refusal(error) == (400, "available_balance_too_low")


def test_order_whose_fee_alone_is_too_much_is_refused() -> None:
    desk = Desk(balance="5")
    desk.quote(40, 50)

    with pytest.raises(RejectError) as error:
        desk.order("bid", "10", "0.50", time_in_force=IOC)

    assert refusal(error) == (400, "available_balance_too_low")
    assert desk.alice.cash == 5


def test_closing_order_needs_no_collateral() -> None:
    desk = Desk(balance="5.20")
    desk.quote(40, 50)
    desk.order("bid", "10", "0.50", time_in_force=IOC)

    desk.order("ask", "10", "0.60")

    assert reserved_total(desk.state, desk.alice) == 0


def test_nothing_trades_before_the_opening_and_after_the_close() -> None:
    desk = Desk(now=OPENS - timedelta(minutes=1))
    with pytest.raises(RejectError) as early:
        desk.order("bid", "1", "0.50")
    desk.pass_time(CLOSES)
    with pytest.raises(RejectError) as late:
        desk.order("bid", "1", "0.50")

    assert (refusal(early), refusal(late)) == ((400, "market_inactive"), (409, "market_closed"))


def test_unknown_market_is_not_found() -> None:
    with pytest.raises(RejectError) as error:
        Desk().order("bid", "1", "0.50", ticker="KXHIGHNY-26JUL19-B99.5")

    assert refusal(error) == (404, "not_found")


def test_an_order_expires_at_its_time_and_is_not_filled_later() -> None:
    desk = Desk()
    desk.quote(40, 50)
    order = desk.order("bid", "5", "0.45", expiration_time=int((OPENS + timedelta(minutes=7)).timestamp()))

    desk.world.house.quote(MIDDLE, OPENS + timedelta(minutes=10), 30, 44)
    desk.pass_time(timedelta(minutes=20))

    assert (order.status, order.filled_lots) == (VenueOrderStatus.CANCELED, 0)
    assert order.updated_at == OPENS + timedelta(minutes=7)


def test_expiration_in_the_past_is_refused() -> None:
    with pytest.raises(RejectError) as error:
        Desk().order("bid", "5", "0.45", expiration_time=int(OPENS.timestamp()))

    assert refusal(error) == (400, "invalid_order")


def test_a_cancel_returns_the_canceled_count_of_own_orders_alone() -> None:
    desk = Desk()
    order = desk.order("bid", "5", "0.45")
    with pytest.raises(RejectError) as foreign:
        cancel(desk.state, desk.bob, order.order_id)

    _, lots = cancel(desk.state, desk.alice, order.order_id)

    assert lots == 500
    assert refusal(foreign) == (404, "not_found")
    with pytest.raises(RejectError):
        cancel(desk.state, desk.alice, order.order_id)


def test_cancel_all_keeps_the_orders_of_others() -> None:
    desk = Desk()
    desk.order("bid", "5", "0.45")
    desk.order("bid", "5", "0.44")
    other = desk.order("bid", "5", "0.43", who="bob")

    assert cancel_all(desk.state, desk.alice) == 2
    assert list(desk.state.resting) == [other.order_id]


def test_accounts_trade_with_each_other_and_never_with_themselves() -> None:
    desk = Desk()
    desk.order("bid", "5", "0.45")

    own = desk.order("ask", "2", "0.45", self_trade=SelfTrade.TAKER_AT_CROSS)
    theirs = desk.order("ask", "2", "0.45", who="bob")

    assert own.status is VenueOrderStatus.CANCELED
    assert own.filled_lots == 0
    assert theirs.status is VenueOrderStatus.EXECUTED
    assert desk.alice.holdings[MIDDLE].position.signed_count == 2
