"""Small wire forms: moments, prices, counts and dollars as the exchange writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from milkbot.domain.units import CASH_STEP, cash_text, count_text, price_text
from milkbot.simulator.engine.units import count_of, price_of


def moment(at: datetime) -> str:
    """RFC 3339 in UTC with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def cents(value: int) -> str:
    """A price of so many cents."""
    return price_text(price_of(value))


def lots(value: int) -> str:
    """A count of so many hundredths."""
    return count_text(count_of(value))


def dollars(value: Decimal) -> str:
    """Six decimals."""
    return cash_text(value.quantize(CASH_STEP))
