"""Fills that are missing show in what the exchange holds."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.trader.ledger import DEMO, Ledger

from milkbot.db.ops import PositionRow
from milkbot.domain.units import Cash, Count
from milkbot.trader.reconcile import positions
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.venue.values import VenuePosition

TICKER, OTHER = "KXHIGHNY-26AUG03-B86.5", "KXHIGHCHI-26AUG03-B86.5"
NOTHING = Cash(Decimal(0))


def hold(ledger: Ledger, ticker: str, count: int, *, closed: bool = False) -> None:
    ledger.positions[ticker] = PositionRow(ticker=ticker, signed_count=Decimal(count), is_closed=closed)


def compare(ledger: Ledger, **theirs: int) -> list[Found]:
    names = {"ny": TICKER, "chi": OTHER, "fed": "KXFED-26SEP-T4.00"}
    held = [
        VenuePosition(names[name], Count(Decimal(count)), NOTHING, NOTHING, NOTHING) for name, count in theirs.items()
    ]
    with ledger.session() as session:
        return positions.compare(session, DEMO, held)


def test_a_market_whose_position_could_not_be_read_is_not_compared(ledger: Ledger) -> None:
    hold(ledger, TICKER, 5)
    hold(ledger, OTHER, 5)
    with ledger.session() as session:
        assert [one.ticker for one in positions.compare(session, DEMO, [], {TICKER})] == [OTHER]


def test_positions_that_agree_are_no_finding(ledger: Ledger) -> None:
    hold(ledger, TICKER, -5)
    assert compare(ledger, ny=-5, chi=0, fed=7) == []


@pytest.mark.parametrize(("ours", "theirs"), [(5, 4), (5, -5), (5, None), (None, 5)])
def test_another_count_on_either_side_is_a_finding(ledger: Ledger, ours: int | None, theirs: int | None) -> None:
    if ours is not None:
        hold(ledger, TICKER, ours)
    assert compare(ledger, **({} if theirs is None else {"ny": theirs})) == [
        Found(
            FindingKind.POSITION_MISMATCH,
            TICKER,
            f"{TICKER}: our fills fold to {ours or 0}, the exchange holds {theirs or 0}",
            ours={"count": str(ours or 0)},
            theirs={"count": str(theirs or 0)},
            ticker=TICKER,
        )
    ]


def test_a_closed_position_is_not_expected_at_the_exchange(ledger: Ledger) -> None:
    hold(ledger, TICKER, 5, closed=True)
    assert compare(ledger) == []


def test_every_market_that_differs_is_found_in_their_order(ledger: Ledger) -> None:
    hold(ledger, TICKER, 5)
    assert [found.subject for found in compare(ledger, chi=3)] == [OTHER, TICKER]
