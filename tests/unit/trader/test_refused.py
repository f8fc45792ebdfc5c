"""A market that refused an order must not get the next one at once, and five refusals must not pass for none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from milkbot.db.risk_facts import SentOrder
from milkbot.domain.orders import OrderState
from milkbot.trader.refused import LONGEST, LeftAlone, left_alone, rejects

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
TICKER = "KXHIGHNY-26AUG03-B86.5"
HALTED, CROSSED = "trading_is_paused", "invalid_order: post only cross"
LOST = "absent at the exchange as of 2026-08-03T12:01:01+00:00"
UNREAD = f"{LOST}, after HTTP 409 brand_new"


def order(reason: str, minutes: int = 0, state: OrderState = OrderState.REJECTED, ticker: str = TICKER) -> SentOrder:
    return SentOrder(ticker, state, reason, NOON + timedelta(minutes=minutes))


def minutes_alone(*orders: SentOrder) -> float:
    """From the last of these orders until the market gets another one."""
    held = left_alone(orders, orders[-1].sent_at).get(TICKER)
    return (held.until - orders[-1].sent_at) / timedelta(minutes=1) if held else 0


def test_a_halted_market_is_left_alone_until_its_time_is_over() -> None:
    until = NOON + timedelta(minutes=30)
    sent = [order(HALTED)]
    assert left_alone(sent, NOON) == {TICKER: LeftAlone(until, HALTED)}
    assert left_alone(sent, until - timedelta(microseconds=1)) == {TICKER: LeftAlone(until, HALTED)}
    assert left_alone(sent, until) == {}


def test_only_the_market_that_refused_is_left_alone() -> None:
    assert left_alone([order(HALTED), order("", ticker="other", state=OrderState.FILLED)], NOON).keys() == {TICKER}
    both = left_alone([order(HALTED), order(CROSSED, ticker="other")], NOON)
    assert both["other"] == LeftAlone(NOON + timedelta(minutes=2), CROSSED)


@pytest.mark.parametrize(
    ("reason", "minutes"),
    [(HALTED, 30), (CROSSED, 2), ("market_closed", 240), (LOST, 15), (UNREAD, 30), ("http_400", 30), ("", 30)],
)
def test_each_refusal_has_its_time(reason: str, minutes: float) -> None:
    assert minutes_alone(order(reason)) == minutes


def test_the_time_doubles_with_each_refusal_in_a_row_up_to_the_longest() -> None:
    row = [order(HALTED, minutes) for minutes in range(100)]
    assert [minutes_alone(*row[:length]) for length in range(1, 6)] == [30, 60, 120, 240, 240]
    assert minutes_alone(*row) == LONGEST / timedelta(minutes=1) == 240
    short = [order(CROSSED, minutes) for minutes in range(100)]
    assert [minutes_alone(*short[:length]) for length in (1, 2, 7, 8, 100)] == [2, 4, 128, 240, 240]


def test_a_refusal_of_another_kind_begins_a_new_row() -> None:
    assert minutes_alone(order(HALTED), order(HALTED), order(CROSSED)) == 2
    assert minutes_alone(order(HALTED), order(CROSSED), order(HALTED)) == 30
    assert minutes_alone(order("trading_paused"), order("TRADING_IS_PAUSED: again")) == 60


@pytest.mark.parametrize(
    "state", [OrderState.RESTING, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELED]
)
def test_an_order_that_the_exchange_took_ends_the_row(state: OrderState) -> None:
    taken = order("", 1, state)
    assert left_alone([order(HALTED), taken], NOON) == {}
    assert minutes_alone(order(HALTED), taken, order(HALTED, 2)) == 30
    assert left_alone([taken], NOON) == {}


@pytest.mark.parametrize("state", [OrderState.PENDING, OrderState.UNKNOWN])
def test_an_order_of_unknown_outcome_says_nothing_about_its_market(state: OrderState) -> None:
    assert minutes_alone(order(HALTED), order("", 0, state)) == 30
    assert minutes_alone(order(HALTED), order("", 1, state), order(HALTED, 2)) == 60


def test_six_post_only_crosses_are_no_reject() -> None:
    assert rejects(order(CROSSED, minutes) for minutes in range(6)) == 0
    assert rejects([order("invalid_order"), order("invalid_order: no such side")]) == 2


@pytest.mark.parametrize(
    ("reason", "counted"),
    [(HALTED, 1), (UNREAD, 1), (LOST, 0), ("http_400", 1), ("not_sent", 0), ("exchange_paused", 0)],
)
def test_a_reject_is_what_the_table_counts(reason: str, counted: int) -> None:
    assert rejects([order(reason)]) == counted


def test_only_a_rejected_order_is_a_reject() -> None:
    assert rejects(order(HALTED, state=state) for state in OrderState) == 1
