"""Price-time priority."""

from __future__ import annotations

from milkbot.simulator.engine.orderbook import OrderBook, Resting, SelfTrade


def resting(ref: str, cents: int, lots: int, sequence: int, owner: str = "maker", *, is_bid: bool = False) -> Resting:
    return Resting(owner, ref, is_bid, cents, lots, sequence, False)


def book_of(*orders: Resting) -> OrderBook:
    orderbook = OrderBook()
    for order in orders:
        orderbook.add(order)
    return orderbook


def test_best_price_is_taken_first_and_the_oldest_within_it() -> None:
    orderbook = book_of(resting("late", 50, 100, 3), resting("early", 50, 100, 1), resting("cheap", 49, 100, 2))

    crossing = orderbook.crossing("me", is_bid=True, cents=50, lots=250, self_trade=SelfTrade.MAKER)

    assert [(m.resting.ref, m.lots) for m in crossing.matches] == [("cheap", 100), ("early", 100), ("late", 50)]


def test_order_does_not_trade_beyond_its_limit() -> None:
    orderbook = book_of(resting("a", 50, 100, 1), resting("b", 51, 100, 2))

    crossing = orderbook.crossing("me", is_bid=True, cents=50, lots=500, self_trade=SelfTrade.MAKER)

    assert crossing.lots == 100


def test_ask_meets_the_highest_bid_first() -> None:
    orderbook = book_of(resting("low", 40, 100, 1, is_bid=True), resting("high", 42, 100, 2, is_bid=True))

    crossing = orderbook.crossing("me", is_bid=False, cents=40, lots=150, self_trade=SelfTrade.MAKER)

    assert [(m.resting.ref, m.lots) for m in crossing.matches] == [("high", 100), ("low", 50)]


def test_taker_is_stopped_at_its_own_order_and_keeps_what_was_filled_before() -> None:
    orderbook = book_of(resting("other", 49, 100, 1), resting("mine", 50, 100, 2, "me"), resting("behind", 50, 100, 3))

    crossing = orderbook.crossing("me", is_bid=True, cents=50, lots=300, self_trade=SelfTrade.TAKER_AT_CROSS)

    assert crossing.lots == 100
    assert crossing.stopped


def test_own_resting_order_is_canceled_when_the_maker_is_to_be_canceled() -> None:
    orderbook = book_of(resting("mine", 49, 100, 1, "me"), resting("other", 50, 100, 2))

    crossing = orderbook.crossing("me", is_bid=True, cents=50, lots=100, self_trade=SelfTrade.MAKER)

    assert [m.resting.ref for m in crossing.matches] == ["other"]
    assert [r.ref for r in crossing.own_removed] == ["mine"]


def test_crossing_changes_nothing_until_it_is_applied() -> None:
    orderbook = book_of(resting("a", 50, 100, 1))
    crossing = orderbook.crossing("me", is_bid=True, cents=50, lots=60, self_trade=SelfTrade.MAKER)
    assert orderbook.levels(is_bid=False) == [(50, 100)]

    orderbook.apply(crossing)

    assert orderbook.levels(is_bid=False) == [(50, 40)]


def test_a_level_adds_up_the_orders_at_its_price() -> None:
    orderbook = book_of(resting("a", 50, 100, 1), resting("b", 50, 20, 2), resting("c", 51, 5, 3))

    assert orderbook.levels(is_bid=False) == [(50, 120), (51, 5)]
