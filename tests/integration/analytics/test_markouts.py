"""Markouts: signed as good or bad for us, by a snapshot that is near, once, and with the reason where there is none."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from tests.facts import Facts, hours_ago, market
from tests.postgres import TestDatabase

from milkbot.analytics import markouts
from milkbot.analytics.rollups import run_rollups
from milkbot.domain.orders import BookSide

DAY = date(2026, 11, 20)
TICKER = market("NYC", DAY)
AT = hours_ago(30).replace(microsecond=0)
Markout = tuple[Decimal | None, Decimal | None, str | None]


def after(minutes: float, seconds: float = 0) -> datetime:
    return AT + timedelta(minutes=minutes, seconds=seconds)


@pytest.fixture
def facts(database: TestDatabase) -> Facts:
    """A writer of demo facts."""
    return Facts(database.engine())


@pytest.fixture
def engine(database: TestDatabase) -> Engine:
    """The database as the rollups' role."""
    return database.engine("milkbot_rollups")


def rolled(engine: Engine) -> int:
    """How many markouts a run of the rollups stored."""
    return run_rollups(engine, bankroll=Decimal(1000)).markouts


def stored(engine: Engine) -> dict[tuple[int, int], Markout]:
    """Mid, markout and reason by the fill's number and the horizon."""
    rows = "SELECT fill_id, horizon_min, mid, markout, missing FROM ops.fill_markouts"
    with engine.connect() as connection:
        found = connection.execute(text(rows)).all()
        ids = sorted(connection.scalars(text("SELECT id FROM ops.fills")))
    return {(ids.index(row.fill_id) + 1, row.horizon_min): (row.mid, row.markout, row.missing) for row in found}


def known(mid: str, markout: str) -> Markout:
    return Decimal(mid), Decimal(markout), None


@pytest.mark.parametrize(
    ("side", "sign"), [(BookSide.BID, 1), (BookSide.ASK, -1)], ids=["YES bought", "NO bought or YES sold"]
)
def test_a_markout_is_positive_where_the_mid_moved_in_the_fill_s_favour(
    facts: Facts, engine: Engine, side: BookSide, sign: int
) -> None:
    facts.fill(TICKER, AT, side=side, price="0.40")
    facts.snapshot(TICKER, after(5), "0.42", "0.45")
    facts.snapshot(TICKER, after(30), "0.30", "0.32")
    facts.tick(after(40))
    assert rolled(engine) == 2
    assert stored(engine) == {
        (1, 5): known("0.435", str(sign * Decimal("0.035"))),
        (1, 30): known("0.31", str(sign * Decimal("-0.09"))),
    }


def test_a_markout_is_stored_once(facts: Facts, engine: Engine) -> None:
    facts.fill(TICKER, AT)
    facts.snapshot(TICKER, after(5), "0.42", "0.44")
    facts.tick(after(40))
    assert [rolled(engine), rolled(engine)] == [2, 0]
    before = stored(engine)
    facts.snapshot(TICKER, after(30), "0.42", "0.44")
    assert rolled(engine) == 0
    assert stored(engine) == before


def test_the_nearest_snapshot_of_the_fill_s_own_market_and_mode_counts(facts: Facts, engine: Engine) -> None:
    facts.fill(TICKER, AT, price="0.40")
    for seconds, bid, ask in (
        (-60, "0.10", "0.12"),
        (20, "0.50", "0.52"),
        (-30, "0.20", "0.22"),
        (100, "0.70", "0.72"),
    ):
        facts.snapshot(TICKER, after(5, seconds), bid, ask)
    facts.snapshot(market("NYC", DAY, "B62.5"), after(5), "0.80", "0.82")
    Facts(facts.engine, mode="shadow").snapshot(TICKER, after(5), "0.90", "0.92")
    facts.tick(after(40))
    rolled(engine)
    assert stored(engine)[1, 5] == known("0.51", "0.11")


@pytest.mark.parametrize(("seconds", "near"), [(-151, False), (-150, True), (150, True), (151, False)])
def test_a_snapshot_must_be_near_the_moment(facts: Facts, engine: Engine, seconds: int, *, near: bool) -> None:
    facts.fill(TICKER, AT, price="0.40")
    facts.snapshot(TICKER, after(5, seconds), "0.42", "0.44")
    facts.tick(after(40))
    rolled(engine)
    assert stored(engine)[1, 5] == (known("0.43", "0.03") if near else (None, None, "no snapshot near"))


@pytest.mark.parametrize(("bid", "ask"), [("0.42", None), (None, "0.44"), (None, None)])
def test_a_book_with_an_empty_side_has_no_mid(facts: Facts, engine: Engine, bid: str | None, ask: str | None) -> None:
    facts.fill(TICKER, AT)
    facts.snapshot(TICKER, after(5), bid, ask)
    facts.tick(after(40))
    rolled(engine)
    assert stored(engine)[1, 5] == (None, None, "a side of the book was empty")


@pytest.mark.parametrize(
    ("seconds", "horizons"),
    [(450, set()), (451, {5}), (1950, {5}), (1951, {5, 30})],
    ids=["a snapshot may come still", "after 7.5 minutes", "only the first", "after 32.5 minutes"],
)
def test_a_markout_waits_until_a_tick_began_after_everything_that_is_near(
    facts: Facts, engine: Engine, seconds: int, horizons: set[int]
) -> None:
    facts.fill(TICKER, AT)
    facts.tick(after(0, seconds))
    Facts(facts.engine, mode="live").tick(after(60))
    assert rolled(engine) == len(horizons)
    assert {horizon for _, horizon in stored(engine)} == horizons
    assert set(stored(engine).values()) <= {(None, None, "no snapshot near")}


def test_a_later_fill_waits_for_the_one_before_it_and_none_is_left_out(facts: Facts, engine: Engine) -> None:
    facts.fill(TICKER, after(20))
    facts.fill(TICKER, AT)
    facts.tick(after(10))
    assert rolled(engine) == 0
    facts.tick(after(40))
    assert rolled(engine) == 2
    assert stored(engine).keys() == {(1, 5), (2, 5)}
    facts.tick(after(53))
    assert rolled(engine) == 2
    assert stored(engine).keys() == {(1, 5), (2, 5), (1, 30), (2, 30)}


def test_a_fill_that_was_recorded_late_gets_its_markout_from_what_is_stored(facts: Facts, engine: Engine) -> None:
    facts.snapshot(TICKER, after(5), "0.42", "0.44")
    facts.tick(after(100))
    facts.fill(TICKER, AT, price="0.40", recorded_at=after(101))
    assert rolled(engine) == 0, "nothing may be recorded before it while its tick runs"
    facts.tick(after(102))
    rolled(engine)
    assert stored(engine)[1, 5] == known("0.43", "0.03")


def test_more_fills_than_a_statement_takes_are_all_recorded(
    facts: Facts, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markouts, "AT_ONCE", 2)
    for _ in range(5):
        facts.fill(TICKER, AT)
    facts.tick(after(40))
    assert rolled(engine) == 10
    assert len(stored(engine)) == 10


@pytest.mark.parametrize(
    "statement", ["UPDATE ops.fill_markouts SET markout = 1, missing = NULL", "DELETE FROM ops.fill_markouts"]
)
@pytest.mark.parametrize("role", ["milkbot_rollups", "milkbot_trader"])
def test_nobody_but_the_owner_can_change_a_markout(
    facts: Facts, database: TestDatabase, role: str, statement: str
) -> None:
    facts.fill(TICKER, AT)
    facts.tick(after(40))
    rolled(database.engine("milkbot_rollups"))
    with database.engine(role).connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(statement))
