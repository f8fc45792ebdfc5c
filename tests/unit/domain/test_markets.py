"""Half a degree in the wrong direction trades the wrong bracket."""

from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.domain.markets import Strike, StrikeType, climate_day, event_ticker


@pytest.mark.parametrize(
    ("strike", "edges", "inside", "outside"),
    [
        (Strike(StrikeType.BETWEEN, 88, 89), (87.5, 89.5), (88, 89), (87, 90)),
        (Strike(StrikeType.GREATER, floor=92), (92.5, math.inf), (93, 120), (92, 0)),
        (Strike(StrikeType.LESS, cap=85), (-math.inf, 84.5), (84, -20), (85, 99)),
        (Strike(StrikeType.BETWEEN, -1, 0), (-1.5, 0.5), (-1, 0), (-2, 1)),
    ],
)
def test_each_kind_of_strike_has_its_half_degree_edges(
    strike: Strike, edges: tuple[float, float], inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    assert (strike.lower_edge, strike.upper_edge) == edges
    assert all(strike.contains(high) for high in inside)
    assert not any(strike.contains(high) for high in outside)


@pytest.mark.parametrize(
    ("kind", "floor", "cap"),
    [
        (StrikeType.BETWEEN, 88, None),
        (StrikeType.BETWEEN, None, 89),
        (StrikeType.BETWEEN, 90, 89),
        (StrikeType.GREATER, None, None),
        (StrikeType.GREATER, 92, 93),
        (StrikeType.LESS, 84, 85),
        (StrikeType.LESS, None, None),
    ],
)
def test_a_strike_with_a_missing_or_superfluous_bound_is_refused(
    kind: StrikeType, floor: int | None, cap: int | None
) -> None:
    with pytest.raises(ValueError, match="strike"):
        Strike(kind, floor, cap)


@given(lowest=st.integers(-40, 110), brackets=st.integers(1, 6), width=st.integers(1, 4), high=st.integers(-60, 140))
def test_exactly_one_bracket_of_a_ladder_wins(lowest: int, brackets: int, width: int, high: int) -> None:
    top = lowest + brackets * width
    ladder = [
        Strike(StrikeType.LESS, cap=lowest),
        *(Strike(StrikeType.BETWEEN, low, low + width - 1) for low in range(lowest, top, width)),
        Strike(StrikeType.GREATER, floor=top - 1),
    ]
    assert sum(strike.contains(high) for strike in ladder) == 1
    assert all(upper.lower_edge == lower.upper_edge for lower, upper in pairwise(ladder))


@given(st.dates(date(2024, 1, 1), date(2099, 12, 31)))
def test_a_ticker_carries_its_climate_day(day: date) -> None:
    assert climate_day(event_ticker("KXHIGHNY", day)) == day


def test_a_ticker_is_written_as_the_exchange_writes_it() -> None:
    assert event_ticker("KXHIGHNY", date(2025, 12, 6)) == "KXHIGHNY-25DEC06"


@pytest.mark.parametrize(
    "ticker",
    ["KXHIGHNY", "KXHIGHNY-25DEZ16", "KXRAINNYCM-25DEC", "KXHIGHNY-25DEC16-B50.5", "KXU3MAX-30", "KXHIGHNY-26FEB30"],
)
def test_a_ticker_without_a_day_is_refused(ticker: str) -> None:
    with pytest.raises(ValueError, match=r"SERIES-YYMONDD|day is out of range"):
        climate_day(ticker)


def test_neighbouring_days_have_neighbouring_tickers() -> None:
    eve = date(2026, 12, 31)
    assert [event_ticker("KXHIGHNY", eve + timedelta(days=n)) for n in range(2)] == [
        "KXHIGHNY-26DEC31",
        "KXHIGHNY-27JAN01",
    ]
