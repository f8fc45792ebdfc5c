"""A worst case that is not the worst lets a limit be broken; one that is too bad forbids hedges."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.strategies import COUNTS, PRICES

from milkbot.domain.orders import Leg
from milkbot.domain.units import Cash, Count
from milkbot.risk.exposure import EventBook, Holding, OpenOrder, at_risk, result_if, worst_result

SIX = ("B1", "B2", "B3", "B4", "T1", "T2")
BRACKETS = frozenset(SIX)


def held(ticker: str, count: str, cost: str) -> Holding:
    return Holding(ticker, Count(Decimal(count)), Cash(Decimal(cost)))


def order(ticker: str, leg: Leg, count: str, each: str) -> OpenOrder:
    return OpenOrder(ticker, leg, Count(Decimal(count)), Cash(Decimal(each)))


def brute_force(book: EventBook) -> Decimal:
    """Every outcome in turn, and for each every subset of the orders filled whole: a sum is linear between those."""
    tickers = sorted(book.brackets | book.tickers)
    if book.exclusive:
        outcomes = [frozenset({ticker}) for ticker in tickers]
        outcomes += [] if book.brackets and book.tickers <= book.brackets else [frozenset()]
    else:
        outcomes = [
            frozenset(chosen) for size in range(len(tickers) + 1) for chosen in itertools.combinations(tickers, size)
        ]
    subsets = [chosen for size in range(len(book.orders) + 1) for chosen in itertools.combinations(book.orders, size)]
    return min(_result(book, winners, filled) for winners in outcomes for filled in subsets)


def _result(book: EventBook, winners: frozenset[str], filled: tuple[OpenOrder, ...]) -> Decimal:
    total = Decimal(0)
    for holding in book.holdings:
        yes = holding.signed_count > 0
        total += (abs(holding.signed_count) if yes == (holding.ticker in winners) else 0) - holding.cost
    for bought in filled:
        total += bought.count * ((1 if (bought.leg is Leg.YES) == (bought.ticker in winners) else 0) - bought.each)
    return total


HOLDINGS = st.lists(
    st.builds(
        lambda ticker, count, no, at: Holding(ticker, Count(-count if no else count), Cash(count * at)),
        st.sampled_from(SIX),
        COUNTS,
        st.booleans(),
        PRICES,
    ),
    max_size=6,
    unique_by=lambda holding: holding.ticker,
).map(tuple)
ORDERS = st.lists(
    st.builds(
        OpenOrder, st.sampled_from(SIX), st.sampled_from(Leg), COUNTS, PRICES.map(lambda p: Cash(p + Decimal("0.02")))
    ),
    max_size=5,
).map(tuple)
BOOKS = st.builds(EventBook, HOLDINGS, ORDERS, st.sampled_from([frozenset(), BRACKETS]), st.booleans())


@given(BOOKS)
def test_the_formula_is_the_worst_of_every_outcome_and_every_set_of_fills(book: EventBook) -> None:
    assert worst_result(book) == brute_force(book)


@given(BOOKS, ORDERS)
def test_one_more_order_never_makes_the_worst_case_better(book: EventBook, more: tuple[OpenOrder, ...]) -> None:
    for added in more:
        after = book.with_order(added)
        assert at_risk(book) <= at_risk(after) <= at_risk(book) + added.cost
        book = after


@given(BOOKS)
def test_a_gap_in_what_is_known_of_the_brackets_never_lowers_the_risk(book: EventBook) -> None:
    known = replace(book, exclusive=True)
    assert at_risk(replace(known, brackets=BRACKETS)) <= at_risk(replace(known, brackets=frozenset()))
    assert at_risk(known) <= at_risk(replace(known, exclusive=False))


def test_two_brackets_of_one_event_cannot_both_pay() -> None:
    book = EventBook((held("B1", "10", "3"), held("B2", "10", "4")), brackets=BRACKETS)
    assert worst_result(book) == Decimal(-7)


def test_no_of_two_brackets_loses_one_of_them_at_most() -> None:
    book = EventBook((held("B1", "-10", "7"), held("B2", "-10", "6")), brackets=BRACKETS)
    assert worst_result(book) == Decimal(-3)


def test_yes_of_all_six_brackets_wins_exactly_once() -> None:
    book = EventBook(tuple(held(ticker, "10", "1.5") for ticker in SIX), brackets=BRACKETS)
    assert worst_result(book) == Decimal(1)
    assert at_risk(book) == 0


def test_yes_of_all_six_is_not_trusted_where_another_outcome_may_be() -> None:
    book = EventBook(tuple(held(ticker, "10", "1.5") for ticker in SIX))
    assert worst_result(book) == Decimal(-9)


def test_a_bracket_without_a_stake_may_win_too() -> None:
    book = EventBook(tuple(held(ticker, "10", "1.5") for ticker in SIX[1:]), brackets=BRACKETS)
    assert worst_result(book) == Decimal("-7.5")


def test_brackets_that_do_not_exclude_each_other_are_added_up() -> None:
    book = EventBook((held("B1", "-10", "7"), held("B2", "-10", "6")), exclusive=False)
    assert worst_result(book) == Decimal(-13)


def test_a_hedge_that_may_not_fill_lowers_nothing() -> None:
    alone = EventBook((held("B1", "10", "3"),), brackets=BRACKETS)
    hedged = alone.with_order(order("B1", Leg.NO, "10", "0.60"))
    assert worst_result(hedged) == worst_result(alone) == Decimal(-3)


def test_an_order_that_locks_in_a_loss_counts_with_it() -> None:
    book = EventBook((held("B1", "10", "3"),), brackets=BRACKETS).with_order(order("B1", Leg.NO, "10", "0.80"))
    # If B1 wins the NO loses 8 and the YES wins 7; if it loses the NO wins 2, and at worst it did not fill.
    assert result_if(book, "B1") == Decimal(-1)
    assert result_if(book, None) == Decimal(-3)
    assert worst_result(book) == Decimal(-3)


@pytest.mark.parametrize("leg", list(Leg))
def test_an_open_order_counts_as_if_it_filled_whole_and_lost(leg: Leg) -> None:
    assert at_risk(EventBook(orders=(order("B1", leg, "10", "0.42"),))) == Decimal("4.20")


def test_nothing_at_stake_risks_nothing() -> None:
    assert worst_result(EventBook(brackets=BRACKETS)) == 0
    assert worst_result(EventBook(exclusive=False)) == 0
