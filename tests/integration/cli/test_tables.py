"""What people read fits their terminal, 80 columns where there is none, and nothing of it is cut."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.cells import cell_len
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.cli import Milkbot
from tests.facts import Facts
from tests.postgres import TestDatabase

from milkbot.db import holds, terms
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.trading_state import Effect
from milkbot.domain.units import Cash, Count, Price
from milkbot.risk.terms import Clause
from milkbot.trader.reconcile.bookkeeping import record_fills

NOON = datetime(2025, 5, 7, 16, 0, 5, tzinfo=UTC)
TICKERS = ("KXHIGHNY-25MAY07-B72.5", "KXHIGHPHIL-25MAY07-T101", "KXHIGHDEN-25MAY07-B108.5")
# As the exchange and the breakers word it, and with what a terminal would obey.
REASON = (
    "the exchange refused it: insufficient_balance (HTTP 400), correlation 0123456789abcdef0123456789abcdef; "
    "größer als erwartet \x1b[31m, 5 orders in a row, first KXHIGHNY-25MAY07-B72.5\nand a second line of it"
)
COMMANDS = (
    ("state",),
    ("orders",),
    ("orders", "show", "1"),
    ("orders", "--open"),
    ("positions",),
    ("pnl",),
    ("reconcile", "--list"),
    ("audit",),
    ("invariants",),
    ("terms", "list"),
    ("db", "smoke"),
    ("doctor",),
)
FINDING = """
INSERT INTO ops.findings (trading_mode, kind, subject, effect, message, ours, theirs, opened_at, seen_at)
VALUES ('demo', 'position_mismatch', 'x', 'reducing', :message,
    '{"ticker": "KXHIGHNY-25MAY07-B72.5", "count": "123.45", "cost": "1234.5678"}',
    '{"ticker": "KXHIGHNY-25MAY07-B72.5", "count": "-23.45", "cost": "1034.5678"}', now(), now())
"""
UNKNOWN = """
UPDATE ops.orders SET state = 'unknown', state_reason = :reason, expires_at = now(),
    client_order_id = 'mb-' || repeat('0a', 20), origin = 'operator'
WHERE id = (SELECT min(id) FROM ops.orders WHERE state = 'pending')
"""
LOST = """
INSERT INTO ops.orders (trading_mode, client_order_id, ticker, event_ticker, city_code, climate_day, strategy_name,
    side, price, count, time_in_force, exchange_index, attempt, state, created_at, updated_at)
VALUES ('demo', 'mb-lost', 'KXHIGHNY-25MAY07-B72.5', 'KXHIGHNY-25MAY07', 'NYC', '2025-05-07', 'normal_brackets',
    'bid', 0.4, 123456.78, 'good_till_canceled', 0, 1, 'pending', now(), now())
"""


@pytest.fixture
def book(database: TestDatabase) -> None:
    """Long reasons, large amounts, real tickers, and something in every table."""
    facts = Facts(database.engine())
    facts.tick(NOON, finished=NOON + timedelta(seconds=3), outcome="failed")
    for number, ticker in enumerate(TICKERS):
        facts.fill(ticker, NOON, count="12345.67", price="0.4321", fee="123.4567")
        fill = Fill(
            f"late-{number}", f"order-{number + 1}", ticker, BookSide.BID, Count(Decimal("0.33")),
            Price(Decimal("0.4711")), Cash(Decimal("0.0100")), True, NOON,
        )  # fmt: skip
        with Session(database.engine()) as session, session.begin():
            record_fills(session, TradingMode.DEMO, [fill], at=NOON)
    with Session(database.engine()) as session, session.begin():
        begun = datetime.now(UTC)
        until = begun + timedelta(days=1)
        source = "breaker unfinished_ticks"
        holds.add(
            session, TradingMode.DEMO, source=source, effect=Effect.REDUCING, reason=REASON, since=begun, until=until
        )
        holds.publish(session, TradingMode.DEMO, begun)
        terms.see(session, TradingMode.DEMO, [("KXHIGHPHIL", Clause("fees", "quadratic x 1"))], begun)
        changed = Clause("fees", "If the high temperature recorded at Philadelphia International Airport " * 6)
        terms.see(session, TradingMode.DEMO, [("KXHIGHPHIL", changed)], begun + timedelta(seconds=1))
        session.execute(text(FINDING), {"message": REASON})
        session.execute(text(LOST))
        session.execute(text(UNKNOWN), {"reason": REASON})


def _without_spaces(shown: str) -> str:
    return re.sub(r"[\s\x00-\x1f]+", "", shown)


def _as_shown(cell: str) -> str:
    """A moment without its Z, which is in the header, and a number without the zeros that the database adds."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", cell):
        cell = cell.rstrip("Z")
    elif re.fullmatch(r"-?\d+\.\d+", cell):
        cell = cell.rstrip("0")
    return _without_spaces(cell)


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("columns", [None, "60", "80", "132"])
def test_every_table_fits_its_terminal_and_nothing_is_cut(milkbot: Milkbot, columns: str | None) -> None:
    width = {} if columns is None else {"COLUMNS": columns}
    for command in COMMANDS:
        if command == ("doctor",) and columns != "60":
            continue  # it asks an exchange that does not answer for some seconds: the narrowest must do
        done = milkbot(*command, **width)
        assert done.out, command
        too_wide = [line for line in done.out.splitlines() if cell_len(line) > int(columns or 80)]
        assert too_wide == [], command
        if command == ("doctor",):
            continue  # its figures change from one moment to the next
        shown = _without_spaces(done.out)
        for row in json.loads(milkbot(*command, "--json").out):
            for name, cell in row.items():
                assert cell is None or name == "ms" or _as_shown(str(cell)) in shown, (command, name)


@pytest.mark.usefixtures("book")
def test_a_wider_terminal_is_used(milkbot: Milkbot) -> None:
    narrow, wide = milkbot("orders", COLUMNS="80").out, milkbot("orders", COLUMNS="300").out
    assert len(wide.splitlines()) < len(narrow.splitlines())
    assert max(map(len, wide.splitlines())) > 80


@pytest.mark.usefixtures("book")
def test_a_terminal_below_60_columns_gets_60(milkbot: Milkbot) -> None:
    assert milkbot("orders", COLUMNS="20").out == milkbot("orders", COLUMNS="60").out


@pytest.mark.usefixtures("book")
def test_an_average_has_four_digits(milkbot: Milkbot) -> None:
    averages = [row["average cost"] for row in json.loads(milkbot("positions", "--json").out)]
    assert averages == ["0.4321"] * len(TICKERS)


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(
    ("command", "column"),
    [
        ("state", "since"), ("orders", "created"), ("orders show 1", "when"), ("pnl", "since"),
        ("reconcile --list", "since"), ("terms list", "first seen"),
    ],
)  # fmt: skip
def test_a_column_of_times_says_utc(milkbot: Milkbot, command: str, column: str) -> None:
    shown = milkbot(*command.split(), COLUMNS="200").out
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", shown)
    assert f"{column} (UTC)" in shown


def test_a_table_without_rows_says_none(milkbot: Milkbot) -> None:
    assert milkbot("positions").out.splitlines()[-1] == "none"
