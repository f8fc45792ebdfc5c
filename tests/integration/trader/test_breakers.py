"""Each breaker reads its facts, stores its hold once, survives a restart, and is ended by what it was ended by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session
from tests.exchange import MONDAY
from tests.facts import Facts, market
from tests.postgres import TestDatabase

from milkbot.db import holds, order_groups
from milkbot.db.ops import Order, Tick
from milkbot.db.order_groups import Act
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import Effect, Hold, TradingState, size_factor
from milkbot.load_settings import load_settings
from milkbot.settings import Settings
from milkbot.trader import breakers

MODE = TradingMode.DEMO
HOUR = timedelta(hours=1)


class Books:
    """A trader's database at a moment, and the operator beside it."""

    def __init__(self, database: TestDatabase, settings: Settings) -> None:
        self.owner = database.engine()
        self.trader = database.engine("milkbot_trader")
        self.settings = settings
        self.facts = Facts(self.owner)
        self.now = MONDAY

    def trip(self, after: timedelta = timedelta(0)) -> TradingState:
        """What a tick finds a while later, as the trader's own role."""
        self.now += after
        tick_id = self.facts.tick(self.now, finished=self.now, outcome="failed")
        with transaction(self.trader) as session:
            return breakers.trip(session, self.settings, self.now, tick_id)

    def held(self) -> list[Hold]:
        with transaction(self.trader) as session:
            return list(holds.holds(session, MODE, self.now))

    def sources(self) -> list[str]:
        return [hold.source for hold in self.held()]

    def halt(self, who: str = "ann", until: datetime | None = None) -> None:
        with transaction(self.owner) as session:
            holds.add(session, MODE, source=who, effect=Effect.HALTED, reason="storm", since=self.now, until=until)
            holds.publish(session, MODE, self.now)

    def resume(self, *chosen: Hold) -> TradingState:
        with transaction(self.owner) as session:
            ended = chosen or tuple(holds.holds(session, MODE, self.now))
            return holds.resume(session, MODE, ended, by="ann", at=self.now, note="mended")

    def lose(self, dollars: int, ago: timedelta, strike: str) -> None:
        at = self.now - ago
        ticker = market("NYC", at.date(), strike)
        facts = Facts(self.owner, prefix=strike)
        facts.fill(ticker, at, count=str(dollars * 2), price="0.50", fee="0")
        facts.settle(ticker, at, yes=False)

    def state(self) -> tuple[str, str, datetime | None]:
        """What other readers see: the newest stored state, its reason and its end."""
        query = "SELECT state, reason, until FROM ops.trading_states ORDER BY id DESC LIMIT 1"
        with self.owner.connect() as connection:
            row = connection.execute(text(query)).one()
        return row.state, row.reason, row.until


@pytest.fixture
def books(database: TestDatabase, tmp_path: Path) -> Books:
    """Nothing lost, nothing held; a bankroll of 1000 dollars."""
    return Books(
        database,
        load_settings(
            {
                "BANKROLL": "1000",
                "TRADING_MODE": "demo",
                "KILL_FILE": str(tmp_path / "HALT"),
                "KALSHI_API_KEY_ID": "x",
                "KALSHI_PRIVATE_KEY_PATH": "/dev/null",
            }
        ),
    )


def test_ledger_without_losses_trips_no_breaker(books: Books) -> None:
    assert books.trip() is TradingState.ACTIVE
    assert books.held() == []
    with books.owner.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ops.trading_states")) == 0


def test_daily_loss_reduces_for_a_day_and_is_stored_once(books: Books) -> None:
    books.lose(50, HOUR, "B1.5")
    assert books.trip() is TradingState.REDUCING
    assert books.trip(HOUR) is TradingState.REDUCING
    held = books.held()
    assert [(hold.source, hold.since, hold.until) for hold in held] == [
        ("breaker daily_loss", MONDAY, MONDAY + timedelta(days=1))
    ]
    with books.owner.connect() as connection:
        told = connection.execute(text("SELECT severity, message, payload FROM ops.risk_events")).all()
    assert [(row.severity, row.message, row.payload) for row in told] == [
        ("critical", held[0].reason, {"breaker": "daily_loss", "effect": "reducing"})
    ]
    assert books.trip(timedelta(hours=23)) is TradingState.ACTIVE
    assert books.state()[0] == "reducing"  # its end is stored with it: readers see that it is over


def test_weekly_loss_halves_the_size_for_a_week(books: Books) -> None:
    books.lose(120, timedelta(days=6), "B1.5")
    assert books.trip() is TradingState.ACTIVE
    held = books.held()
    assert [(hold.source, hold.until) for hold in held] == [("breaker weekly_loss", MONDAY + timedelta(days=7))]
    assert size_factor(held, books.now) == Decimal("0.5")


def test_monthly_loss_halts_until_the_operator_resumes(books: Books) -> None:
    books.lose(200, timedelta(days=29), "B1.5")
    assert books.trip() is TradingState.HALTED
    assert books.trip(timedelta(days=200)) is TradingState.HALTED
    assert books.state() == ("halted", books.held()[0].reason, None)
    assert books.resume() is TradingState.ACTIVE
    assert books.trip(HOUR) is TradingState.ACTIVE


def test_losses_older_than_the_windows_do_not_count(books: Books) -> None:
    books.lose(500, timedelta(days=31), "B1.5")
    assert books.trip() is TradingState.ACTIVE
    assert books.held() == []


def _orders(books: Books, number: int, ago: timedelta, reason: str = "invalid_order") -> None:
    at = books.now - ago
    for n in range(number):
        with Session(books.owner) as session, session.begin():
            order = Order(
                trading_mode=MODE,
                client_order_id=f"mb-{reason}-{ago}-{n}",
                ticker=market("NYC", at.date()),
                event_ticker="E",
                city_code="NYC",
                climate_day=at.date(),
                strategy_name="s",
                side="bid",
                price="0.4",
                count=1,
                time_in_force="immediate_or_cancel",
                exchange_index=0,
                attempt=1,
                state="pending",
                created_at=at,
                updated_at=at,
            )
            session.add(order)
            session.flush()
            order.state, order.state_reason = "rejected", reason


def test_repeated_rejects_within_15_minutes_halt(books: Books) -> None:
    _orders(books, 4, timedelta(minutes=15))
    _orders(books, 3, timedelta(minutes=16))
    _orders(books, 3, timedelta(minutes=1), "absent at the exchange as of then")
    assert books.trip() is TradingState.ACTIVE
    _orders(books, 1, timedelta(0))
    assert books.trip() is TradingState.HALTED
    assert books.sources() == ["breaker rejects"]
    assert books.resume() is TradingState.ACTIVE
    assert books.trip(timedelta(seconds=1)) is TradingState.ACTIVE, "what was acknowledged counts no more"


def test_database_failures_reduce_for_an_hour(books: Books) -> None:
    for minutes in range(5):
        books.facts.tick(books.now - timedelta(minutes=minutes), finished=None)
    books.facts.tick(books.now - timedelta(minutes=61), finished=None)
    assert books.trip() is TradingState.REDUCING
    assert books.sources() == ["breaker database_failures"]
    assert books.held()[0].until == MONDAY + HOUR
    assert books.trip(HOUR) is TradingState.ACTIVE


def test_the_running_tick_does_not_count_as_unfinished(books: Books) -> None:
    for minutes in range(4):
        books.facts.tick(books.now - timedelta(minutes=minutes), finished=None)
    at_work = books.facts.tick(books.now, finished=None)
    with transaction(books.trader) as session:
        assert breakers.trip(session, books.settings, books.now, at_work) is TradingState.ACTIVE


def _looked(books: Books, minutes: int, fresh: int) -> None:
    counts = {
        "decisions": 24,
        "reason forecast_stale": 12,
        "reason book_missing": 12 - fresh,
        "reason edge_small": fresh,
    }
    at = books.now - timedelta(minutes=minutes)
    with Session(books.owner) as session, session.begin():
        session.add(
            Tick(
                trading_mode=MODE,
                started_at=at,
                finished_at=at,
                outcome="completed",
                release="dev",
                config_hash="0",
                counts=counts,
            )
        )


def test_three_ticks_without_market_data_reduce_for_half_an_hour(books: Books) -> None:
    for minutes in (15, 10, 5):
        _looked(books, minutes, fresh=0)
    assert books.trip() is TradingState.REDUCING
    assert books.sources() == ["breaker blind"]
    assert books.held()[0].until == MONDAY + timedelta(minutes=30)


def test_one_market_with_data_trips_no_breaker(books: Books) -> None:
    for minutes, fresh in ((15, 0), (10, 1), (5, 0)):
        _looked(books, minutes, fresh)
    assert books.trip() is TradingState.ACTIVE


def test_kill_file_halts_and_its_removal_does_not_resume(books: Books) -> None:
    books.settings.kill_file.touch()
    assert books.trip() is TradingState.HALTED
    books.settings.kill_file.unlink()
    assert books.trip(timedelta(days=9)) is TradingState.HALTED
    assert books.sources() == ["breaker kill_file"]
    assert books.resume() is TradingState.ACTIVE
    assert books.trip(HOUR) is TradingState.ACTIVE


def test_kill_file_that_is_a_dangling_link_halts(books: Books) -> None:
    books.settings.kill_file.symlink_to("/nowhere/at/all")
    assert books.trip() is TradingState.HALTED


def test_kill_file_that_cannot_be_checked_halts(books: Books, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    books.settings = books.settings.model_copy(update={"kill_file": loop / "HALT"})
    assert books.trip() is TradingState.HALTED
    assert "cannot be looked for" in books.held()[0].reason


def test_triggered_order_group_halts_until_resumed(books: Books) -> None:
    with transaction(books.trader) as session:
        for act in (Act.CREATED, Act.TRIGGERED):
            order_groups.record(session, MODE, act, "g-1", 1000, reason="its limit", at=books.now)
    assert books.trip() is TradingState.HALTED
    assert books.held()[0].reason == "the order group g-1 was triggered: its limit"
    assert books.resume() is TradingState.ACTIVE
    assert books.trip(HOUR) is TradingState.ACTIVE


def test_the_end_of_a_breaker_does_not_end_the_operators_halt(books: Books) -> None:
    books.halt()
    books.lose(50, HOUR, "B1.5")
    assert books.trip() is TradingState.HALTED
    assert set(books.sources()) == {"ann", "breaker daily_loss"}
    assert books.state() == ("halted", "storm", None)
    assert books.trip(timedelta(days=2)) is TradingState.HALTED
    assert books.sources() == ["ann"]


def test_the_end_of_a_halt_keeps_the_hold_of_a_breaker(books: Books) -> None:
    books.halt(until=books.now + HOUR)
    books.lose(50, HOUR, "B1.5")
    assert books.trip() is TradingState.HALTED
    assert books.trip(HOUR) is TradingState.REDUCING
    state, reason, until = books.state()
    assert (state, until) == ("reducing", MONDAY + timedelta(days=1))
    assert reason.startswith("daily loss")


def test_resume_ends_only_the_holds_that_the_operator_saw(books: Books) -> None:
    books.halt("ann")
    books.halt("bob")
    seen = books.held()
    books.lose(50, HOUR, "B1.5")
    books.trip()
    assert books.resume(*seen) is TradingState.REDUCING, "the loss was found after the operator looked"
    assert books.sources() == ["breaker daily_loss"]
    assert books.state()[0] == "reducing"


def test_a_loss_after_the_acknowledgement_counts_anew(books: Books) -> None:
    books.lose(50, HOUR, "B1.5")
    books.trip()
    books.resume()
    books.now += HOUR
    books.lose(49, timedelta(0), "B2.5")
    assert books.trip() is TradingState.ACTIVE
    books.lose(1, timedelta(0), "B3.5")
    assert books.trip() is TradingState.REDUCING


def test_the_halt_of_a_restore_ends_only_by_the_operator(books: Books) -> None:
    with books.owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)"
                " VALUES ('demo', 'halted', 'restored', 'restore-database.sh', :now)"
            ),
            {"now": books.now},
        )
    books.lose(50, HOUR, "B1.5")
    assert books.trip() is TradingState.HALTED
    assert books.trip(timedelta(days=2)) is TradingState.HALTED
    assert books.sources() == ["restore-database.sh"]
    assert books.state() == ("halted", "restored", None)


def test_a_corrected_settlement_counts_as_a_loss_when_it_is_found(books: Books) -> None:
    # A win of 60 of two days ago that turned into a loss of 40: a hundred dollars left the account today.
    values = {"before": books.now - timedelta(days=2), "now": books.now}
    with books.owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.settlement_corrections (trading_mode, ticker, result_before, yes_value_before,"
                " settled_before, realized_before, result, yes_value, settled_at, difference, recorded_at)"
                " VALUES ('demo', 'T', 'yes', 1, :before, 60, 'no', 0, :before, -100, :now)"
            ),
            values,
        )
    assert books.trip() is TradingState.REDUCING
    assert "100.00 dollars lost" in books.held()[0].reason


@contextmanager
def _refused() -> Iterator[None]:
    with pytest.raises(ProgrammingError, match="permission denied"):
        yield


def test_the_trader_cannot_end_a_hold_or_accept_terms_by_itself(books: Books) -> None:
    books.halt()
    statements = (
        "INSERT INTO ops.hold_acknowledgements VALUES (1, 'me', now(), 'x')",
        "UPDATE ops.trading_holds SET until = now()",
        "DELETE FROM ops.trading_holds",
        "INSERT INTO ops.terms_acceptances VALUES ('demo', 's', 'fees', 'f', 'me', now(), 'x')",
    )
    for statement in statements:
        with books.trader.connect() as connection, _refused():
            connection.execute(text(statement))
