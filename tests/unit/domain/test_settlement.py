"""An event that pays two brackets, or none, or twice, is money that is not there."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.strategies import FILLS

from milkbot.domain.markets import Strike, StrikeType
from milkbot.domain.positions import Fill, Position, fold
from milkbot.domain.settlement import SettlementPayment, is_exhaustive, payment
from milkbot.domain.units import ONE, ZERO, Cash, Count, Price, cash

LADDER = (
    Strike(StrikeType.LESS, cap=84),
    Strike(StrikeType.BETWEEN, floor=84, cap=85),
    Strike(StrikeType.BETWEEN, floor=86, cap=87),
    Strike(StrikeType.BETWEEN, floor=88, cap=89),
    Strike(StrikeType.BETWEEN, floor=90, cap=91),
    Strike(StrikeType.GREATER, floor=91),
)
TICKERS = ("T84", "B84.5", "B86.5", "B88.5", "B90.5", "T91")


def values(high_f: int) -> dict[str, Price]:
    """What one YES of each bracket pays when the official high is that."""
    return {
        ticker: Price(ONE if strike.contains(high_f) else ZERO) for ticker, strike in zip(TICKERS, LADDER, strict=True)
    }


@pytest.mark.parametrize(
    ("high_f", "winner"),
    [
        (-40, "T84"),
        (83, "T84"),
        (84, "B84.5"),
        (85, "B84.5"),
        (86, "B86.5"),
        (87, "B86.5"),
        (88, "B88.5"),
        (89, "B88.5"),
        (90, "B90.5"),
        (91, "B90.5"),
        (92, "T91"),
        (130, "T91"),
    ],
)
def test_each_degree_pays_one_bracket_and_only_that(high_f: int, winner: str) -> None:
    assert values(high_f) == {ticker: (ONE if ticker == winner else ZERO) for ticker in TICKERS}


def test_a_whole_ladder_is_exhaustive() -> None:
    assert is_exhaustive(LADDER)
    assert is_exhaustive(reversed(LADDER))


@pytest.mark.parametrize(
    "strikes",
    [(), LADDER[1:], LADDER[:-1], LADDER[:2] + LADDER[3:], (*LADDER, LADDER[2]), LADDER[:1], LADDER[-1:]],
    ids=["empty", "no low tail", "no high tail", "a gap", "an overlap", "low tail alone", "high tail alone"],
)
def test_a_ladder_with_a_gap_or_an_overlap_is_not(strikes: tuple[Strike, ...]) -> None:
    assert not is_exhaustive(strikes)


def test_an_event_pays_all_six_brackets_of_what_is_held() -> None:
    held = {
        "T84": position("T84", "10", "1"),
        "B84.5": position("B84.5", "-10", "8"),
        "B86.5": position("B86.5", "20", "6"),
        "B88.5": position("B88.5", "-5", "3"),
        "B90.5": position("B90.5", "0", "0"),
    }
    paid = {ticker: payment(held.get(ticker, Position.flat(ticker)), value) for ticker, value in values(87).items()}
    assert paid == {
        "T84": of("0", "-1"),
        "B84.5": of("10", "2"),
        "B86.5": of("20", "14"),
        "B88.5": of("5", "2"),
        "B90.5": of("0", "0"),
        "T91": of("0", "0"),
    }


@given(FILLS, st.integers(70, 100))
def test_yes_of_all_six_brackets_at_once_pays_a_dollar_whatever_the_high(fills: list[Fill], high_f: int) -> None:
    held = {ticker: fold(ticker, [replace(part, ticker=ticker) for part in fills]) for ticker in TICKERS}
    paid = [payment(held[ticker], value) for ticker, value in values(high_f).items()]
    signed = held["T84"].signed_count
    # One YES wins; of NO all but one do.
    expected = signed if signed > 0 else 5 * -signed
    assert abs(sum(part.revenue for part in paid) - expected) < Decimal("1e-12")


def position(ticker: str, signed: str, cost: str) -> Position:
    return Position(ticker, Count(Decimal(signed)), cash(cost), Cash(ZERO), Cash(ZERO))


def of(revenue: str, realized: str) -> SettlementPayment:
    return SettlementPayment(cash(revenue), cash(realized))
