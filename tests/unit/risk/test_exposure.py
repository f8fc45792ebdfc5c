"""A worst case that is not the worst lets a limit be broken; one that is too bad forbids hedges."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.strategies import COUNTS, PRICES

from milkbot.domain.orders import BookSide, Leg
from milkbot.domain.positions import Fill, Position
from milkbot.domain.units import Cash, Count, Price
from milkbot.risk.exposure import EventLedger, Holding, OpenOrder, at_risk, result_if, worst_result

SIX = ("B1", "B2", "B3", "B4", "T1", "T2")
BRACKETS = frozenset(SIX)


def held(ticker: str, count: str, cost: str) -> Holding:
    return Holding(ticker, Count(Decimal(count)), Cash(Decimal(cost)))


def order(ticker: str, leg: Leg, count: str, each: str) -> OpenOrder:
    return OpenOrder(ticker, leg, Count(Decimal(count)), Cash(Decimal(each)))


def brute_force(ledger: EventLedger) -> Decimal:
    """Every outcome in turn, and for each every way in which the orders may fill, of those between which it is linear.

    That is not at all, as far as a holding is closed, or whole; what is closed at a gain brings no gain. For one order
    a market.
    """
    tickers = sorted(ledger.brackets | ledger.tickers)
    if ledger.exclusive:
        outcomes = [frozenset({ticker}) for ticker in tickers]
        outcomes += [] if ledger.brackets and ledger.tickers <= ledger.brackets else [frozenset()]
    else:
        outcomes = [
            frozenset(chosen) for size in range(len(tickers) + 1) for chosen in itertools.combinations(tickers, size)
        ]
    fills = [
        tuple(replace(bought, count=Count(count)) for bought, count in zip(ledger.orders, counts, strict=True))
        for counts in itertools.product(
            *({Decimal(0), min(_closable(ledger, bought), bought.count), bought.count} for bought in ledger.orders)
        )
    ]
    return min(_result(ledger, winners, filled) for winners in outcomes for filled in fills)


def _result(ledger: EventLedger, winners: frozenset[str], filled: tuple[OpenOrder, ...]) -> Decimal:
    total = Decimal(0)
    for holding in ledger.holdings:
        yes = holding.signed_count > 0
        total += (abs(holding.signed_count) if yes == (holding.ticker in winners) else 0) - holding.cost
    for bought in filled:
        total += bought.count * ((1 if (bought.leg is Leg.YES) == (bought.ticker in winners) else 0) - bought.each)
        if closed := min(_closable(ledger, bought), bought.count):
            holding = next(holding for holding in ledger.holdings if holding.ticker == bought.ticker)
            total -= max(Decimal(0), closed * (1 - bought.each - holding.cost / abs(holding.signed_count)))
    return total


def _closable(ledger: EventLedger, bought: OpenOrder) -> Decimal:
    """Contracts of the holding that the order would close."""
    held = sum((held.signed_count for held in ledger.holdings if held.ticker == bought.ticker), Decimal(0))
    return max(Decimal(0), -held if bought.leg is Leg.YES else held)


def after_fill(ledger: EventLedger, number: int, count: Decimal, price: Decimal) -> EventLedger:
    """The book once `count` contracts of its order `number` were bought at `price`, by the ledger's computation."""
    bought = ledger.orders[number]
    yes = bought.leg is Leg.YES
    positions = {bought.ticker: Position.flat(bought.ticker)}
    for holding in ledger.holdings:
        flat = Position.flat(holding.ticker)
        positions[holding.ticker] = replace(flat, signed_count=holding.signed_count, cost=holding.cost)
    positions[bought.ticker] = positions[bought.ticker].after(
        Fill(
            "f",
            "o",
            bought.ticker,
            BookSide.BID if yes else BookSide.ASK,
            Count(count),
            Price(price if yes else 1 - price),
            Cash(Decimal(0)),
            is_taker=True,
            filled_at=datetime(2026, 7, 1, tzinfo=UTC),
        )
    )
    rest = [replace(bought, count=Count(bought.count - count))] if count < bought.count else []
    return replace(
        ledger,
        holdings=tuple(Holding(p.ticker, p.signed_count, p.cost) for p in positions.values() if p.signed_count),
        orders=(*ledger.orders[:number], *rest, *ledger.orders[number + 1 :]),
    )


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
BOOKS = st.builds(EventLedger, HOLDINGS, ORDERS, st.sampled_from([frozenset(), BRACKETS]), st.booleans())


ONE_A_MARKET = BOOKS.map(
    lambda ledger: replace(ledger, orders=tuple({bought.ticker: bought for bought in ledger.orders}.values()))
)
ROUNDING = Decimal("1e-20")


@given(ONE_A_MARKET)
def test_the_formula_is_the_worst_of_every_outcome_and_every_set_of_fills(ledger: EventLedger) -> None:
    assert worst_result(ledger) == pytest.approx(brute_force(ledger), abs=ROUNDING)


@given(BOOKS, st.data())
def test_no_sequence_of_fills_risks_more_than_was_judged(ledger: EventLedger, data: st.DataObject) -> None:
    judged = at_risk(ledger)
    while ledger.orders:
        number = data.draw(st.integers(0, len(ledger.orders) - 1))
        bought = ledger.orders[number]
        count = data.draw(st.sampled_from([bought.count, _closable(ledger, bought), bought.count / 2]))
        price = data.draw(st.sampled_from([bought.each, bought.each / 2]))
        ledger = after_fill(ledger, number, min(max(count, Decimal(1)), bought.count), price)
        assert at_risk(ledger) <= judged + ROUNDING


@given(BOOKS, ORDERS)
def test_another_order_never_improves_the_worst_case(ledger: EventLedger, more: tuple[OpenOrder, ...]) -> None:
    for added in more:
        after = ledger.with_order(added)
        # What it costs, or what it closes at a gain: a dollar a contract.
        assert at_risk(ledger) <= at_risk(after) <= at_risk(ledger) + max(added.cost, added.count)
        ledger = after


@given(BOOKS)
def test_unknown_brackets_never_lower_the_risk(ledger: EventLedger) -> None:
    known = replace(ledger, exclusive=True)
    assert at_risk(replace(known, brackets=BRACKETS)) <= at_risk(replace(known, brackets=frozenset()))
    assert at_risk(known) <= at_risk(replace(known, exclusive=False))


def test_two_brackets_of_one_event_cannot_both_pay() -> None:
    ledger = EventLedger((held("B1", "10", "3"), held("B2", "10", "4")), brackets=BRACKETS)
    assert worst_result(ledger) == Decimal(-7)


def test_no_of_two_brackets_loses_at_most_one() -> None:
    ledger = EventLedger((held("B1", "-10", "7"), held("B2", "-10", "6")), brackets=BRACKETS)
    assert worst_result(ledger) == Decimal(-3)


def test_yes_of_all_six_brackets_wins_exactly_once() -> None:
    ledger = EventLedger(tuple(held(ticker, "10", "1.5") for ticker in SIX), brackets=BRACKETS)
    assert worst_result(ledger) == Decimal(1)
    assert at_risk(ledger) == 0


def test_yes_of_all_six_brackets_may_lose_if_another_outcome_is_possible() -> None:
    ledger = EventLedger(tuple(held(ticker, "10", "1.5") for ticker in SIX))
    assert worst_result(ledger) == Decimal(-9)


def test_a_bracket_without_a_stake_may_win_too() -> None:
    ledger = EventLedger(tuple(held(ticker, "10", "1.5") for ticker in SIX[1:]), brackets=BRACKETS)
    assert worst_result(ledger) == Decimal("-7.5")


def test_brackets_that_do_not_exclude_each_other_are_added_up() -> None:
    ledger = EventLedger((held("B1", "-10", "7"), held("B2", "-10", "6")), exclusive=False)
    assert worst_result(ledger) == Decimal(-13)


def test_a_hedge_that_may_not_fill_lowers_nothing() -> None:
    alone = EventLedger((held("B1", "10", "3"),), brackets=BRACKETS)
    hedged = alone.with_order(order("B1", Leg.NO, "10", "0.60"))
    assert worst_result(hedged) == worst_result(alone) == Decimal(-3)


def test_an_order_that_locks_in_a_loss_counts_that_loss() -> None:
    ledger = EventLedger((held("B1", "10", "3"),), brackets=BRACKETS).with_order(order("B1", Leg.NO, "10", "0.80"))
    # If B1 wins the NO loses 8 and the YES wins 7; if it loses the NO wins 2, and at worst it did not fill.
    assert result_if(ledger, "B1") == Decimal(-1)
    assert result_if(ledger, None) == Decimal(-3)
    assert worst_result(ledger) == Decimal(-3)


def test_an_order_that_closes_at_a_gain_counts_without_the_gain() -> None:
    # NO of T1 pays when B1 loses its 5 dollars to "neither"; once sold at 0.90 that gain is cash and offsets nothing.
    alone = EventLedger((held("B1", "10", "5"), held("T1", "-14", "7")), brackets=BRACKETS)
    closing = alone.with_order(order("T1", Leg.YES, "14", "0.10"))
    assert (at_risk(alone), at_risk(closing)) == (Decimal(12), Decimal(12))
    assert result_if(alone, None) == Decimal(2)
    assert result_if(closing, None) == Decimal(-5)
    # The ones beyond what closes the NO open a YES, which may lose what they cost.
    assert result_if(alone.with_order(order("T1", Leg.YES, "22", "0.10")), None) == Decimal("-5.8")


def test_a_yes_that_is_closed_at_a_gain_pays_for_nothing_else() -> None:
    # Sold at 0.90 it wins 4 dollars, which are cash then. The order alone loses what it cost, 1 dollar, where B1 wins.
    ledger = EventLedger((held("B1", "10", "5"),), brackets=BRACKETS).with_order(order("B1", Leg.NO, "10", "0.10"))
    assert result_if(ledger, "B1") == Decimal(0)


def test_of_two_orders_that_close_the_same_contracts_only_one_counts_as_closing() -> None:
    ledger = EventLedger((held("T1", "-10", "5"),), brackets=BRACKETS)
    for each in ("0.30", "0.20"):
        ledger = ledger.with_order(order("T1", Leg.YES, "10", each))
    # NO wins 5; closed by the cheaper order that is gone, and the dearer one loses what it cost.
    assert result_if(ledger, None) == Decimal(-3)


@pytest.mark.parametrize("leg", list(Leg))
def test_an_open_order_counts_as_filled_and_lost(leg: Leg) -> None:
    assert at_risk(EventLedger(orders=(order("B1", leg, "10", "0.42"),))) == Decimal("4.20")


def test_without_stakes_the_risk_is_zero() -> None:
    assert worst_result(EventLedger(brackets=BRACKETS)) == 0
    assert worst_result(EventLedger(exclusive=False)) == 0
