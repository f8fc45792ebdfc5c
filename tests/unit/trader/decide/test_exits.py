"""A position is sold for more than it is worth, fee and spread paid for; a sale never opens or turns one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.orderbook import Level, OrderBook
from milkbot.domain.orders import BookSide, Leg, side_of
from milkbot.domain.positions import Fill, fold
from milkbot.domain.units import Cash, Count, Price, complement, count, price
from milkbot.trader.decide.exits import Sale, sale_due
from milkbot.trader.decide.strategy import Action, Decision, Reason, yes_price

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
FEES = FeeSchedule(FeeType.QUADRATIC, Decimal(1))
MARGIN = Decimal("0.01")
TEN = Count(Decimal(10))


def bids(*levels: tuple[str, str]) -> tuple[Level, ...]:
    return tuple(Level(price(at), count(size)) for at, size in levels)


# A YES bid of 40 cents and an ask of 42.
BOOK = OrderBook("M", bids(("0.40", "100")), bids(("0.58", "100")), NOW)


def sold(held: str, p_yes: str, book: OrderBook = BOOK, margin: Decimal = MARGIN) -> Sale | None:
    return sale_due(Count(Decimal(held)), Decimal(p_yes), book, FEES, margin)


def test_a_sale_must_gain_more_than_spread_and_margin_after_the_exact_fee() -> None:
    # 0.40 less 0.07 x 0.40 x 0.60 = 0.0168 is 0.3832; less the spread of 0.02 and 0.01 it is 0.3532.
    assert sold("10", "0.3532") is None
    assert sold("10", "0.3531") == Sale(Leg.YES, price("0.40"), TEN, Decimal("0.0301"))


def test_a_no_is_judged_by_its_own_bid_and_probability() -> None:
    # 0.58 less 0.07 x 0.58 x 0.42 = 0.017052, up to 0.0171, is 0.5629; a NO is worth 1 - p.
    assert sold("-10", "0.4671") is None
    assert sold("-10", "0.4672") == Sale(Leg.NO, price("0.58"), TEN, Decimal("0.0301"))


@pytest.mark.parametrize(("spread", "worth"), [("0.42", "0.3632"), ("0.43", "0.3532"), ("0.50", "0.2832")])
def test_a_wider_spread_asks_for_more(spread: str, worth: str) -> None:
    book = OrderBook("M", BOOK.yes_bids, bids((str(1 - Decimal(spread)), "1")), NOW)
    assert sold("10", worth, book, Decimal(0)) is None
    assert sold("10", str(Decimal(worth) - Decimal("0.0001")), book, Decimal(0)) is not None


def test_the_margin_is_asked_for_on_top() -> None:
    assert sold("10", "0.30", margin=Decimal("0.0632")) is None
    assert sold("10", "0.30", margin=Decimal("0.0631")) is not None


def test_nothing_is_sold_where_nothing_is_held_or_a_side_is_empty() -> None:
    assert sold("0", "0.01") is None
    assert sold("10", "0.01", OrderBook("M", BOOK.yes_bids, (), NOW)) is None
    assert sold("-10", "0.99", OrderBook("M", (), BOOK.no_bids, NOW)) is None


def test_no_more_is_sold_than_is_held_and_bid_for() -> None:
    for held, offered, wanted in (("7", "100", 7), ("100", "7", 7), ("10", "10", 10), ("100", "99", 99)):
        found = sold(held, "0.1", OrderBook("M", bids(("0.40", offered)), BOOK.no_bids, NOW))
        assert found is not None
        assert found.count == wanted


def test_lower_bids_are_taken_while_they_gain_enough_and_as_many_as_are_held() -> None:
    book = OrderBook("M", bids(("0.40", "5"), ("0.39", "5"), ("0.30", "50")), BOOK.no_bids, NOW)
    # What 39 cents bring, less fee, spread and margin: 0.39 - 0.0167 - 0.03 = 0.3433.
    assert sold("20", "0.3432", book) == Sale(Leg.YES, price("0.39"), TEN, Decimal("0.0301"))
    assert sold("20", "0.3433", book) == Sale(Leg.YES, price("0.40"), Count(Decimal(5)), Decimal("0.0399"))
    assert sold("5", "0.3432", book) == Sale(Leg.YES, price("0.40"), Count(Decimal(5)), Decimal("0.0400"))
    assert sold("6", "0.3432", book) == Sale(Leg.YES, price("0.39"), Count(Decimal(6)), Decimal("0.0301"))
    deepest = sold("20", "0.1", book)
    assert deepest is not None
    assert (deepest.price, deepest.count) == (price("0.30"), count(20))


def test_whole_contracts_are_sold_and_less_than_one_remains() -> None:
    part = sold("10.75", "0.1")
    assert part is not None
    assert part.count == 10
    assert sold("0.99", "0.1") is None
    assert sold("10", "0.1", OrderBook("M", bids(("0.40", "0.99")), BOOK.no_bids, NOW)) is None
    together = sold("10", "0.1", OrderBook("M", bids(("0.40", "0.5"), ("0.39", "0.5")), BOOK.no_bids, NOW))
    assert together is not None
    assert (together.price, together.count) == (price("0.39"), count(1))


def test_a_crossed_book_asks_for_no_less_than_the_margin() -> None:
    crossed = OrderBook("M", bids(("0.45", "10")), bids(("0.58", "10")), NOW)
    # 0.45 less 0.0174 and the margin.
    assert sold("10", "0.4226", crossed) is None
    assert sold("10", "0.4225", crossed) is not None


cents = st.integers(1, 99).map(lambda whole: Price(Decimal(whole) / 100))
counts = st.integers(1, 20_000).map(lambda hundredths: Count(Decimal(hundredths) / 100))
levels = st.lists(st.builds(Level, cents, counts), max_size=4, unique_by=lambda level: level.price).map(
    lambda found: tuple(sorted(found, key=lambda level: -level.price))
)
fills = st.lists(st.tuples(st.sampled_from(BookSide), counts, cents), max_size=6)
shares = st.decimals(0, 1, places=2)


@given(
    fills=fills,
    yes=levels,
    no=levels,
    p_yes=shares,
    margin=shares.map(lambda part: part / 10),
    got=shares,
    better=shares,
)
def test_after_a_sale_a_position_is_smaller_and_of_the_same_leg_whatever_fills(
    fills: list[tuple[BookSide, Count, Price]],
    yes: tuple[Level, ...],
    no: tuple[Level, ...],
    p_yes: Decimal,
    margin: Decimal,
    got: Decimal,
    better: Decimal,
) -> None:
    before = fold("M", [_fill(side, size, at) for side, size, at in fills])
    book = OrderBook("M", yes, no, NOW)
    assume(book.spread is not None)
    sale = sale_due(before.signed_count, p_yes, book, FEES, margin)
    if sale is None:
        return
    decision = Decision("M", Action.SELL, (Reason.EXIT_EDGE_GONE,), leg=sale.leg, price=sale.price, count=sale.count)
    leg, at = decision.bought
    side, limit = side_of(leg), yes_price(leg, at)
    # Any part of it fills, at the limit or better.
    filled = Count((sale.count * got).quantize(Decimal("0.01")))
    gift = (1 - sale.price) * better
    paid = Price(limit - gift if side is BookSide.BID else limit + gift)
    after = before.after(_fill(side, filled, paid))
    assert 0 <= after.signed_count * (1 if before.signed_count > 0 else -1) <= abs(before.signed_count)
    assert 1 <= sale.count <= abs(before.signed_count)
    assert abs(before.signed_count) - abs(after.signed_count) == filled
    # What it brings is what the strategy counted with, or more: sold at its own leg's bid, not at the other's.
    proceeds = paid if before.signed_count > 0 else complement(paid)
    worth = p_yes if before.signed_count > 0 else 1 - p_yes
    assert proceeds - FEES.taker(Count(Decimal(1)), proceeds) - worth >= sale.gain > margin


def _fill(side: BookSide, size: Count, at: Price) -> Fill:
    return Fill("f", "o", "M", side, size, at, Cash(Decimal(0)), is_taker=True, filled_at=NOW)
