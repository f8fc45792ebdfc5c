"""Fills that come late, twice or out of order: booked once, and every figure as if they had come in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session
from tests.exchange import TRADER
from tests.postgres import TestDatabase
from tests.traded_day import ALL, BOUGHT, NEXT_DAY, TICKER, fill

from milkbot.db import ledger
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.trader.reconcile.bookkeeping import record_fills, record_settlements
from milkbot.venue.values import VenueSettlement

DEMO = TradingMode.DEMO


WON = VenueSettlement(
    ticker=TICKER,
    event_ticker="KXHIGHNY-26AUG03",
    result="yes",
    yes_value=Price(Decimal(1)),
    yes_count=Count(Decimal(5)),
    no_count=Count(Decimal(0)),
    yes_cost=Cash(Decimal(0)),
    no_cost=Cash(Decimal(0)),
    revenue=Cash(Decimal(5)),
    fees=Cash(Decimal(0)),
    settled_at=NEXT_DAY,
)


@pytest.fixture
def engine(database: TestDatabase) -> Engine:
    """The database as the trader has it."""
    return database.engine(TRADER)


def book_fills(engine: Engine, fills: Sequence[Fill]) -> int:
    with Session(engine) as session, session.begin():
        return record_fills(session, DEMO, fills, at=NEXT_DAY)


def settle(engine: Engine, settlement: VenueSettlement = WON) -> int:
    with Session(engine) as session, session.begin():
        return record_settlements(session, DEMO, [settlement], at=NEXT_DAY)


def one(engine: Engine, table: str) -> dict[str, Any]:
    with engine.connect() as connection:
        return dict(connection.execute(text(f"SELECT * FROM ops.{table}")).mappings().one())


def figures(engine: Engine) -> dict[str, Any]:
    """All that the fills come to."""
    with engine.connect() as connection:
        realized = connection.execute(text("SELECT venue_fill_id, realized_pnl FROM ops.fills ORDER BY filled_at"))
        position = one(engine, "positions")
        return {
            "realized": [tuple(row) for row in realized],
            **{name: position[name] for name in ("signed_count", "cost", "fees", "realized_pnl", "is_closed")},
        }


def test_repeated_fill_is_recorded_once(engine: Engine) -> None:
    assert book_fills(engine, [BOUGHT, BOUGHT]) == 1
    assert book_fills(engine, [BOUGHT]) == 0
    assert one(engine, "positions")["signed_count"] == 10


@pytest.mark.parametrize("order", list(permutations(ALL)), ids=lambda order: "-".join(fill.fill_id for fill in order))
def test_fills_in_any_order_add_up_to_the_same_position(engine: Engine, order: tuple[Fill, ...]) -> None:
    for came in order:
        book_fills(engine, [came])
    assert figures(engine) == {
        "realized": [("bought", Decimal(0)), ("more", Decimal(0)), ("sold", Decimal(3))],
        "signed_count": Decimal(5),
        "cost": Decimal("2.5"),
        "fees": Decimal("0.3"),
        "realized_pnl": Decimal(3),
        "is_closed": False,
    }


@pytest.mark.parametrize("told_at_once", [True, False])
@pytest.mark.parametrize(
    ("side", "first", "then", "cost", "realized"),
    [
        # Two of the other leg are closed by what executed first, at the better price; the rest opens.
        (BookSide.ASK, "0.55", "0.47", "23.47", "-0.10"),
        (BookSide.BID, "0.47", "0.55", "24.41", "-0.14"),
    ],
)
def test_fills_of_one_order_at_one_time_are_applied_in_the_order_received(
    engine: Engine, side: BookSide, first: str, then: str, cost: str, realized: str, *, told_at_once: bool
) -> None:
    """An order takes the best price first; the exchange gives all of its fills one time, and ids without an order."""
    other = BookSide.BID if side is BookSide.ASK else BookSide.ASK
    held = fill("held", 0, other, "2", "0.60" if side is BookSide.ASK else "0.40")
    better = replace(fill("z", 5, side, "20", first), order_id="taker")
    worse = replace(fill("a", 5, side, "29", then), order_id="taker")
    for part in [[worse, better, held]] if told_at_once else [[worse], [better], [held]]:
        book_fills(engine, part)
    booked = figures(engine)
    assert (booked["cost"], booked["realized_pnl"]) == (Decimal(cost), Decimal(realized))


def test_settlement_is_recorded_once_for_the_held_position(engine: Engine) -> None:
    book_fills(engine, ALL)
    assert (settle(engine), settle(engine)) == (1, 0)
    paid = one(engine, "settlements")
    assert (paid["signed_count"], paid["cost"], paid["revenue"], paid["realized_pnl"]) == (
        5,
        Decimal("2.5"),
        5,
        Decimal("2.5"),
    )
    assert one(engine, "positions")["is_closed"]


@pytest.mark.parametrize("late", ALL, ids=lambda fill: fill.fill_id)
def test_fill_reported_after_the_settlement_corrects_it_and_opens_nothing(engine: Engine, late: Fill) -> None:
    book_fills(engine, [came for came in ALL if came is not late])
    settle(engine)
    book_fills(engine, [late])
    paid = one(engine, "settlements")
    assert (paid["signed_count"], paid["revenue"], paid["realized_pnl"]) == (5, 5, Decimal("2.5"))
    assert one(engine, "positions")["is_closed"]
    with Session(engine) as session:
        assert ledger.held_positions(session, DEMO) == []


def test_settlement_reported_before_any_fill_is_applied_later(engine: Engine) -> None:
    assert settle(engine) == 1
    book_fills(engine, ALL)
    assert one(engine, "settlements")["realized_pnl"] == Decimal("2.5")
    assert one(engine, "positions")["is_closed"]


def test_settlement_of_another_series_is_ignored(engine: Engine) -> None:
    assert settle(engine, replace(WON, ticker="KXFED-26SEP-T4.00", event_ticker="KXFED-26SEP")) == 0


def test_each_recorded_fact_marks_the_rollups_of_its_day(engine: Engine) -> None:
    book_fills(engine, [BOUGHT])
    settle(engine)
    with engine.connect() as connection:
        found = {
            tuple(row) for row in connection.execute(text("SELECT bucket, key, day::text FROM ops.rollup_touched"))
        }
    assert found == {
        ("city", "NYC", "2026-08-03"),
        # No order of ours is behind them.
        ("strategy", "unknown", "2026-08-03"),
        ("equity", "", "2026-08-03"),
        ("equity", "", "2026-08-04"),
    }


LOST = replace(WON, result="no", yes_value=Price(Decimal(0)), revenue=Cash(Decimal(0)))


def corrections(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT result_before, result, difference FROM ops.settlement_corrections"))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=5)], ids=["in its place", "once more"])
def test_corrected_settlement_is_recorded_with_its_first_result(engine: Engine, later: timedelta) -> None:
    book_fills(engine, ALL)
    settle(engine)
    again = replace(LOST, settled_at=WON.settled_at + later)
    assert (settle(engine, again), settle(engine, again)) == (1, 0)
    paid = one(engine, "settlements")
    assert (paid["result"], paid["revenue"], paid["realized_pnl"]) == ("no", 0, Decimal("-2.5"))
    assert paid["settled_at"] == again.settled_at
    assert corrections(engine) == [("yes", "no", Decimal(-5))]
    assert one(engine, "positions")["is_closed"]
    with engine.connect() as connection:
        told = connection.execute(text("SELECT message FROM ops.risk_events WHERE event_type = 'settlement_corrected'"))
        assert "had settled as yes" in told.scalar_one()


def test_repeated_first_settlement_does_not_revert_its_correction(engine: Engine) -> None:
    """The list may hold both."""
    book_fills(engine, ALL)
    later = replace(LOST, settled_at=WON.settled_at + timedelta(hours=5))
    settle(engine, WON)
    settle(engine, later)
    assert settle(engine, WON) == 0
    assert one(engine, "settlements")["result"] == "no"


def test_cash_moved_by_a_correction_is_counted(engine: Engine) -> None:
    book_fills(engine, ALL)
    settle(engine)
    before = one_mode(engine)
    settle(engine, LOST)
    assert one_mode(engine) == before - 5


def one_mode(engine: Engine) -> Decimal:
    with engine.connect() as connection:
        moved = connection.execute(text("SELECT traded + settled FROM ops.cash_books WHERE trading_mode = 'demo'"))
        return Decimal(moved.scalar_one())


def test_fills_that_are_booked_already_cost_one_statement(engine: Engine) -> None:
    """The newest ones come again each tick, and there may be hundreds of one moment."""
    book_fills(engine, ALL)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert book_fills(engine, ALL) == 0
    assert len(statements) == 1
