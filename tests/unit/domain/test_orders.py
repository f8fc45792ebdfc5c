"""Two orders under one name, or an order on the wrong leg, corrupts the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.strategies import PRICES, START

from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import (
    OPEN,
    TERMINAL,
    UNRESOLVED,
    BookSide,
    Leg,
    OrderIntent,
    OrderState,
    TimeInForce,
    client_order_id,
)
from milkbot.domain.units import Price, complement, count


def test_every_state_is_open_or_final_and_not_both() -> None:
    assert set(OrderState) == OPEN | TERMINAL
    assert not OPEN & TERMINAL
    assert UNRESOLVED <= OPEN


def intent(side: BookSide, at: Price) -> OrderIntent:
    return OrderIntent("id", "T", side, count(1), at, TimeInForce.IMMEDIATE_OR_CANCEL, 0, START)


@given(PRICES)
def test_a_bid_buys_yes_and_an_ask_buys_no_at_the_other_price(at: Price) -> None:
    assert (intent(BookSide.BID, at).leg, intent(BookSide.BID, at).leg_price) == (Leg.YES, at)
    assert (intent(BookSide.ASK, at).leg, intent(BookSide.ASK, at).leg_price) == (Leg.NO, complement(at))


Decision = tuple[TradingMode, str, str, datetime, int]
NAMES: st.SearchStrategy[Decision] = st.tuples(
    st.sampled_from(TradingMode),
    st.sampled_from(["KXHIGHNY-26JUL19-B80.5", "KXHIGHNY-26JUL19-T80"]),
    st.sampled_from(["daily_high", "other"]),
    st.integers(0, 3).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.integers(1, 3),
)


@given(NAMES, NAMES)
def test_a_client_order_id_is_unique_to_its_decision(one: Decision, other: Decision) -> None:
    assert (client_order_id(*one) == client_order_id(*other)) is (one == other)
    assert len(client_order_id(*one)) <= 64


def test_a_client_order_id_does_not_change_between_releases() -> None:
    # Orders that are open across a deployment are found again by this very text.
    name = client_order_id(TradingMode.DEMO, "KXHIGHNY-26JUL19-T80", "daily_high", START, 1)
    assert name == "mb-2b9c82cd48cc3dcb80306d7e46c81963c9eac5f4"
