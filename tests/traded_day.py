"""Three fills of one market, for the tests of what the ledger makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price

TICKER, EVENT = "KXHIGHNY-26AUG03-B86.5", "KXHIGHNY-26AUG03"
NOON = datetime(2026, 8, 3, 16, 0, tzinfo=UTC)
NEXT_DAY = NOON + timedelta(days=1)


def fill(name: str, minutes: int, side: BookSide, count: str, price: str) -> Fill:
    """A taker's fill, so many minutes after noon in New York."""
    return Fill(
        fill_id=name,
        order_id=f"order-{name}",
        ticker=TICKER,
        side=side,
        count=Count(Decimal(count)),
        price=Price(Decimal(price)),
        fee=Cash(Decimal("0.10")),
        is_taker=True,
        filled_at=NOON + timedelta(minutes=minutes),
    )


BOUGHT = fill("bought", 0, BookSide.BID, "10", "0.40")
MORE = fill("more", 5, BookSide.BID, "10", "0.60")
SOLD = fill("sold", 10, BookSide.ASK, "15", "0.70")
ALL = (BOUGHT, MORE, SOLD)
