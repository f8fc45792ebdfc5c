"""What is read from a ticker, and which tickers are not ours."""

from __future__ import annotations

from datetime import date

import pytest

from milkbot.trader.tickers import parse_ticker


def test_event_city_and_day_of_a_bracket_are_read_from_its_ticker() -> None:
    parsed = parse_ticker("KXHIGHCHI-26AUG04-B95.5")
    assert parsed is not None
    assert (parsed.event_ticker, parsed.city.code, parsed.climate_day) == ("KXHIGHCHI-26AUG04", "CHI", date(2026, 8, 4))


@pytest.mark.parametrize(
    "ticker", ["KXFED-26SEP-T4.00", "KXHIGHNY", "KXHIGHNY-SOMEDAY-B1.5", "KXHIGHNY-26AUG32-B1", ""]
)
def test_ticker_of_another_series_is_not_parsed(ticker: str) -> None:
    assert parse_ticker(ticker) is None
