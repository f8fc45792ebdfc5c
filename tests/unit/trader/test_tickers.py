"""Where a ticker belongs."""

from __future__ import annotations

from datetime import date

import pytest

from milkbot.trader.tickers import place_of


def test_place_of_a_bracket_is_read_from_its_ticker() -> None:
    place = place_of("KXHIGHCHI-26AUG04-B95.5")
    assert place is not None
    assert (place.event_ticker, place.city.code, place.climate_day) == ("KXHIGHCHI-26AUG04", "CHI", date(2026, 8, 4))


@pytest.mark.parametrize(
    "ticker", ["KXFED-26SEP-T4.00", "KXHIGHNY", "KXHIGHNY-SOMEDAY-B1.5", "KXHIGHNY-26AUG32-B1", ""]
)
def test_market_that_is_not_ours_has_no_place(ticker: str) -> None:
    assert place_of(ticker) is None
