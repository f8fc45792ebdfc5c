"""How dollars, prices and counts are written on a page."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

MINUS: Final = "\N{MINUS SIGN}"
NOTHING: Final = "\N{EM DASH}"
"""For what is not known."""
_CENT = Decimal("0.01")


def dollars(value: Decimal | None) -> str:
    """$1,234.50, with a proper minus before the sign of the currency."""
    if value is None:
        return NOTHING
    rounded = value.quantize(_CENT, ROUND_HALF_UP)
    return f"{MINUS if rounded < 0 else ''}${abs(rounded):,.2f}"


def signed_dollars(value: Decimal | None) -> str:
    """The same with a plus for a gain; zero has no sign."""
    return f"+{dollars(value)}" if value is not None and value.quantize(_CENT, ROUND_HALF_UP) > 0 else dollars(value)


def cents(price: Decimal | None) -> str:
    """A contract's price in cents, tenths only where there are any."""
    return NOTHING if price is None else f"{100 * price:.1f}".removesuffix(".0") + "¢"


def contracts(count: Decimal) -> str:
    """A count without needless decimals."""
    return f"{count:,.2f}".rstrip("0").rstrip(".")
