"""Prices, counts and cash as exact decimals, and the text forms in which the exchange writes them."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal, InvalidOperation
from typing import NewType

Price = NewType("Price", Decimal)
"""Dollars for one contract, 0 to 1. Of the YES leg unless a name says otherwise."""

Count = NewType("Count", Decimal)
"""Contracts, in steps of 0.01. Signed only where a name says so (positions: negative is NO)."""

Cash = NewType("Cash", Decimal)
"""Dollars, signed, up to six decimals."""

ZERO = Decimal(0)
ONE = Decimal(1)
COUNT_STEP = Decimal("0.01")
CASH_STEP = Decimal("0.000001")


def decimal_from_text(text: str, what: str) -> Decimal:
    """A finite decimal from the exchange's text. Raises ValueError that names `what` and the text."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{what} is {text!r}, expected a decimal number") from None
    if not value.is_finite():
        raise ValueError(f"{what} is {text!r}, expected a finite decimal number")
    return value


def price(value: str | Decimal) -> Price:
    """A price between 0 and 1 dollar inclusive. Raises ValueError outside."""
    number = decimal_from_text(str(value), "price")
    if not ZERO <= number <= ONE:
        raise ValueError(f"price is {value}, expected 0 to 1 dollar")
    return Price(number)


def count(value: str | int | Decimal) -> Count:
    """A count of contracts that is not negative and a multiple of 0.01. Raises ValueError otherwise."""
    number = decimal_from_text(str(value), "count")
    if number < ZERO or number % COUNT_STEP != ZERO:
        raise ValueError(f"count is {value}, expected a multiple of 0.01 that is not negative")
    return Count(number)


def cash(value: str | int | Decimal) -> Cash:
    """Dollars, exact. Raises ValueError for anything that is not a finite number."""
    return Cash(decimal_from_text(str(value), "cash"))


def complement(of: Price) -> Price:
    """The price of the other leg: a NO at q is a YES at 1 - q."""
    return Price(ONE - of)


def price_text(value: Price) -> str:
    """The exchange's text form of a price: at least four decimals, never an exponent."""
    return _fixed(value, 4)


def count_text(value: Decimal) -> str:
    """The exchange's text form of a count: two decimals."""
    return _fixed(value, 2)


def cash_text(value: Decimal) -> str:
    """The exchange's text form of dollars in portfolios: six decimals."""
    return _fixed(value, 6)


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value` in size (towards zero)."""
    return (value / step).to_integral_value(rounding=ROUND_DOWN) * step


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value`."""
    return (value / step).to_integral_value(rounding=ROUND_CEILING) * step


def round_floor(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`."""
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


def _fixed(value: Decimal, places: int) -> str:
    exponent = value.as_tuple().exponent
    shown = max(places, -exponent) if isinstance(exponent, int) else places
    return f"{value:.{shown}f}"
