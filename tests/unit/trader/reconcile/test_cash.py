"""Cash that is missing, and that no open order explains, must be found to ten cents."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.unit.trader.ledger import DEMO, Ledger

from milkbot.domain.orders import BookSide, OrderState
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.trader.reconcile import cash
from milkbot.trader.reconcile.cash import CashView
from milkbot.trader.reconcile.findings import FindingKind, Found

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
TICKER = "KXHIGHNY-26AUG03-B86.5"


def dollars(text: str) -> Cash:
    return Cash(Decimal(text))


def add_order(ledger: Ledger, side: BookSide, price: str, count: str, state: OrderState = OrderState.RESTING) -> int:
    return ledger.add_order(state, side=side, price=Decimal(price), count=Decimal(count)).id


def add_fill(ledger: Ledger, order_id: int, count: str) -> None:
    filled = Count(Decimal(count))
    fill = Fill(f"f{order_id}", "v", TICKER, BookSide.BID, filled, Price(Decimal("0.4")), dollars("0"), True, NOW)
    ledger.add_fill(fill, order_id)


@pytest.mark.parametrize(
    ("side", "price", "worst"),
    [
        # 10 x (0.40 + 0.07 x 0.40 x 0.60)
        (BookSide.BID, "0.40", "4.168"),
        # An ask buys NO: 10 x (0.60 + 0.07 x 0.40 x 0.60).
        (BookSide.ASK, "0.40", "6.168"),
        # 10 x (0.95 + 0.07 x 0.05 x 0.95)
        (BookSide.ASK, "0.05", "9.53325"),
    ],
)
def test_an_open_order_reserves_the_price_of_its_own_leg_and_the_fee(
    ledger: Ledger, side: BookSide, price: str, worst: str
) -> None:
    add_order(ledger, side, price, "10")
    assert cash.held_back(ledger.orders, {}) == Decimal(worst)


def test_open_orders_of_both_legs_reserve_their_sum(ledger: Ledger) -> None:
    add_order(ledger, BookSide.BID, "0.40", "10")
    add_order(ledger, BookSide.ASK, "0.40", "10")
    assert cash.held_back(ledger.orders, {}) == Decimal("10.336")
    assert cash.held_back([], {}) == 0


@pytest.mark.parametrize(
    ("filled", "worst"), [("0", "4.168"), ("4", "2.5008"), ("9.5", "0.2084"), ("10", "0"), ("11", "0")]
)
def test_only_the_unfilled_part_of_an_order_reserves_cash(ledger: Ledger, filled: str, worst: str) -> None:
    order_id = add_order(ledger, BookSide.BID, "0.40", "10")
    assert cash.held_back(ledger.orders, {order_id: Decimal(filled), 99: Decimal(1)}) == Decimal(worst)


def test_a_view_counts_every_open_order_less_its_fills(ledger: Ledger) -> None:
    ledger.moved, ledger.capital = dollars("-20"), dollars("1000")
    order_id = add_order(ledger, BookSide.ASK, "0.40", "10", OrderState.UNKNOWN)
    add_order(ledger, BookSide.BID, "0.40", "10", OrderState.CANCELED)
    add_fill(ledger, order_id, "5")
    with ledger.session() as session:
        view = cash.read_view(session, DEMO, dollars("976"), NOW, is_whole=True)
    assert view == CashView(dollars("976"), dollars("-20"), dollars("3.084"), NOW)
    assert ledger.capital == 1000, "what is known is kept"


def test_the_first_cash_that_is_reported_with_nothing_open_is_the_capital(ledger: Ledger) -> None:
    ledger.moved = dollars("-20")
    with ledger.session() as session:
        cash.read_view(session, DEMO, dollars("980"), NOW, is_whole=True)
    assert ledger.capital == 1000


def test_no_capital_is_assumed_while_an_order_is_open(ledger: Ledger) -> None:
    add_order(ledger, BookSide.BID, "0.40", "10")
    with ledger.session() as session:
        view = cash.read_view(session, DEMO, dollars("980"), NOW, is_whole=True)
    assert ledger.capital is None
    assert cash.judge(view, ledger.capital) == []


@pytest.mark.parametrize("reported", ["980.10", "980", "979.90", "975.90"])
def test_cash_within_ten_cents_of_what_open_orders_explain_is_no_finding(reported: str) -> None:
    assert cash.judge(CashView(dollars(reported), dollars("-20"), dollars("4"), NOW), dollars("1000")) == []


@pytest.mark.parametrize(
    ("reported", "said"),
    [
        ("975.89", "0.1100 dollars less than our ledger: 975.8900, expected 980.0000"),
        ("980.11", "0.1100 dollars more than our ledger: 980.1100, expected 980.0000"),
    ],
)
def test_unexplained_cash_is_a_finding_with_both_sides(reported: str, said: str) -> None:
    view = CashView(dollars(reported), dollars("-20"), dollars("4"), NOW)
    assert cash.judge(view, dollars("1000")) == [
        Found(
            FindingKind.CASH_MISMATCH,
            "cash",
            f"the exchange has {said}; if it was a deposit or a withdrawal: milkbot reconcile --close ID --note ...",
            ours={"capital": "1000", "moved": "-20", "expected": "980", "held_back_at_most": "4"},
            theirs={
                "cash": reported,
                "at": "2026-08-03T15:00:00+00:00",
                "capital": str(Decimal(reported) + 20),
            },
        )
    ]


def test_no_capital_is_assumed_while_a_row_of_the_account_is_not_read(ledger: Ledger) -> None:
    with ledger.session() as session:
        cash.read_view(session, DEMO, dollars("980"), NOW, is_whole=False)
    assert ledger.capital is None
