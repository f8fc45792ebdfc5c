"""A missing price that becomes zero, or the other leg's, shows a profit or a loss that is not there."""

from __future__ import annotations

from decimal import Decimal

from milkbot.domain.positions import Position
from milkbot.domain.profit import total_unrealized, unrealized
from milkbot.domain.units import Count, Price, cash, price


def position(signed: str, cost: str, *, ticker: str = "T") -> Position:
    return Position(ticker, Count(Decimal(signed)), cash(cost), cash("0.15"), cash("2"))


def test_unrealized_profit_is_the_bid_less_the_cost() -> None:
    assert unrealized(position("10", "3"), price("0.40")) == Decimal("1.0")
    assert unrealized(position("-10", "7"), price("0.55")) == Decimal("-1.5")
    assert unrealized(position("0.5", "0.1"), price("1")) == Decimal("0.4")


def test_without_a_bid_the_unrealized_profit_is_unknown() -> None:
    assert unrealized(position("10", "3"), None) is None
    assert unrealized(position("0", "0"), None) == 0


def test_a_total_names_the_positions_of_unknown_value() -> None:
    rows: list[tuple[Position, Price | None]] = [
        (position("10", "3"), price("0.40")),
        (position("-4", "2", ticker="U"), None),
        (position("0", "0", ticker="V"), None),
    ]
    assert total_unrealized(rows) == (cash("1.0"), ("U",))
    assert total_unrealized([rows[0], rows[2]]) == (cash("1.0"), ())


def test_without_positions_the_profit_is_zero() -> None:
    total, unknown = total_unrealized([])
    assert (total, unknown) == (cash("0"), ())
    assert isinstance(total, Decimal)
