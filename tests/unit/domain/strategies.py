"""Random prices, counts and fills as the exchange could send them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price

PRICES = st.decimals(Decimal("0.0001"), Decimal("0.9999"), places=4).map(Price)
COUNTS = st.integers(1, 1_000_000).map(lambda hundredths: Count(Decimal(hundredths) / 100))
START = datetime(2026, 7, 18, 14, tzinfo=UTC)


def _fills(sides: list[tuple[BookSide, Count, Price]]) -> list[Fill]:
    return [
        Fill(f"f{n}", "o", "T", side, contracts, at, Cash(Decimal("0.0001")), True, START + timedelta(seconds=n))
        for n, (side, contracts, at) in enumerate(sides)
    ]


FILLS = st.lists(st.tuples(st.sampled_from(BookSide), COUNTS, PRICES), max_size=20).map(_fills)
