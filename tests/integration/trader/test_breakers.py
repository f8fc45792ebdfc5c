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


class Ledger:
    """A trader's database at a moment, and its operator."""

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
def ledger(database: TestDatabase, tmp_path: Path) -> Ledger:
    """Nothing lost, nothing held; a bankroll of 1000 dollars."""
    return Ledger(
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


def test_ledger_without_losses_trips_no_breaker(ledger: Ledger) -> None:
    assert ledger.trip() is TradingState.ACTIVE
    assert ledger.held() == []
    with ledger.owner.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ops.trading_states")) == 0


def test_daily_loss_reduces_for_a_day_and_is_stored_once(ledger: Ledger) -> None:
    ledger.lose(50, HOUR, "B1.5")
    assert ledger.trip() is TradingState.REDUCING
    assert ledger.trip(HOUR) is TradingState.REDUCING
    held = ledger.held()
    assert [(hold.source, hold.since, hold.until) for hold in held] == [
        ("breaker daily_loss", MONDAY, MONDAY + timedelta(days=1))
    ]
    with ledger.owner.connect() as connection:
        told = connection.execute(text("SELECT severity, message, payload FROM ops.risk_events")).all()
    assert [(row.severity, row.message, row.payload) for row in told] == [
        ("critical", held[0].reason, {"breaker": "daily_loss", "effect": "reducing"})
    ]
    assert ledger.trip(timedelta(hours=23)) is TradingState.ACTIVE
    assert ledger.state()[0] == "reducing"  # its end is stored with it: readers see that it is over


def test_weekly_loss_halves_the_size_for_a_week(ledger: Ledger) -> None:
    ledger.lose(120, timedelta(days=6), "B1.5")
    assert ledger.trip() is TradingState.ACTIVE
    held = ledger.held()
    assert [(hold.source, hold.until) for hold in held] == [("breaker weekly_loss", MONDAY + timedelta(days=7))]
    assert size_factor(held, ledger.now) == Decimal("0.5")


def test_monthly_loss_halts_until_the_operator_resumes(ledger: Ledger) -> None:
    ledger.lose(200, timedelta(days=29), "B1.5")
    assert ledger.trip() is TradingState.HALTED
    assert ledger.trip(timedelta(days=200)) is TradingState.HALTED
    assert ledger.state() == ("halted", ledger.held()[0].reason, None)
    assert ledger.resume() is TradingState.ACTIVE
    assert ledger.trip(HOUR) is TradingState.ACTIVE


def test_losses_older_than_the_windows_do_not_count(ledger: Ledger) -> None:
    ledger.lose(500, timedelta(days=31), "B1.5")
    assert ledger.trip() is TradingState.ACTIVE
    assert ledger.held() == []


def _orders(
    ledger: Ledger, number: int, ago: timedelta, reason: str = "invalid_order", event: str | None = None
) -> None:
    at = ledger.now - ago
    for n in range(number):
        with Session(ledger.owner) as session, session.begin():
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
            order.state, order.state_reason, order.state_event = "rejected", reason, event


def test_repeated_rejects_within_15_minutes_halt(ledger: Ledger) -> None:
    _orders(ledger, 4, timedelta(minutes=15))
    _orders(ledger, 3, timedelta(minutes=16))
    _orders(ledger, 3, timedelta(minutes=1), "absent at the exchange as of then")
    assert ledger.trip() is TradingState.ACTIVE
    _orders(ledger, 1, timedelta(0))
    assert ledger.trip() is TradingState.HALTED
    assert ledger.sources() == ["breaker rejects"]
    assert ledger.resume() is TradingState.ACTIVE
    assert ledger.trip(timedelta(seconds=1)) is TradingState.ACTIVE, "what was acknowledged counts no more"


def test_six_post_only_crosses_within_15_minutes_do_not_halt(ledger: Ledger) -> None:
    _orders(ledger, 6, timedelta(minutes=1), "invalid_order: post only cross")
    assert ledger.trip() is TradingState.ACTIVE
    _orders(ledger, 5, timedelta(minutes=1), "invalid_order: no such field")
    assert ledger.trip() is TradingState.HALTED


@pytest.mark.parametrize("answer", ["trading_is_paused", "absent at the exchange as of then, after HTTP 409 brand_new"])
def test_five_refusals_by_a_status_that_is_also_a_conflict_halt(ledger: Ledger, answer: str) -> None:
    _orders(ledger, 5, timedelta(minutes=1), answer)
    assert ledger.trip() is TradingState.HALTED


def test_an_order_on_which_the_operator_ruled_is_no_reject(ledger: Ledger) -> None:
    _orders(ledger, 6, timedelta(minutes=1), "ann: it is not on the site", event="ruled_rejected")
    assert ledger.trip() is TradingState.ACTIVE


def test_database_failures_reduce_for_an_hour(ledger: Ledger) -> None:
    for minutes in range(5):
        ledger.facts.tick(ledger.now - timedelta(minutes=minutes), finished=None)
    ledger.facts.tick(ledger.now - timedelta(minutes=61), finished=None)
    assert ledger.trip() is TradingState.REDUCING
    assert ledger.sources() == ["breaker database_failures"]
    assert ledger.held()[0].until == MONDAY + HOUR
    assert ledger.trip(HOUR) is TradingState.ACTIVE


def test_the_running_tick_does_not_count_as_unfinished(ledger: Ledger) -> None:
    for minutes in range(4):
        ledger.facts.tick(ledger.now - timedelta(minutes=minutes), finished=None)
    running = ledger.facts.tick(ledger.now, finished=None)
    with transaction(ledger.trader) as session:
        assert breakers.trip(session, ledger.settings, ledger.now, running) is TradingState.ACTIVE


def _tick_with_fresh_markets(ledger: Ledger, minutes: int, fresh: int) -> None:
    counts = {
        "decisions": 24,
        "reason forecast_stale": 12,
        "reason book_missing": 12 - fresh,
        "reason edge_small": fresh,
    }
    _count(ledger, ledger.now - timedelta(minutes=minutes), counts)


def _count(ledger: Ledger, at: datetime, counts: dict[str, int]) -> None:
    """A completed tick that counted that."""
    with Session(ledger.owner) as session, session.begin():
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


def test_three_ticks_without_market_data_reduce_for_half_an_hour(ledger: Ledger) -> None:
    for minutes in (15, 10, 5):
        _tick_with_fresh_markets(ledger, minutes, fresh=0)
    assert ledger.trip() is TradingState.REDUCING
    assert ledger.sources() == ["breaker blind"]
    assert ledger.held()[0].until == MONDAY + timedelta(minutes=30)


def test_one_market_with_data_trips_no_breaker(ledger: Ledger) -> None:
    for minutes, fresh in ((15, 0), (10, 1), (5, 0)):
        _tick_with_fresh_markets(ledger, minutes, fresh)
    assert ledger.trip() is TradingState.ACTIVE


@pytest.mark.parametrize(("missing", "state"), [(13, TradingState.REDUCING), (12, TradingState.ACTIVE)])
def test_ticks_that_miss_more_than_half_of_the_markets_reduce(
    ledger: Ledger, missing: int, state: TradingState
) -> None:
    for minutes in (15, 10, 5):
        at = MONDAY - timedelta(minutes=minutes)
        _count(ledger, at, {"expected markets": 24, "missing KXHIGHNY": 6, "missing KXHIGHCHI": missing - 6})
    assert ledger.trip() is state
    assert ledger.sources() == (["breaker unseen"] if state is TradingState.REDUCING else [])


def test_a_tick_that_saw_its_markets_ends_the_count_of_those_that_did_not(ledger: Ledger) -> None:
    for minutes, missing in ((15, 24), (10, 24), (5, 0)):
        _count(ledger, MONDAY - timedelta(minutes=minutes), {"expected markets": 24, "missing KXHIGHNY": missing})
    assert ledger.trip() is TradingState.ACTIVE


def test_an_hour_at_which_no_market_is_due_trips_no_breaker(ledger: Ledger) -> None:
    for minutes in (15, 10, 5):
        _count(ledger, MONDAY - timedelta(minutes=minutes), {"expected markets": 0, "missing KXHIGHNY": 6})
    assert ledger.trip() is TradingState.ACTIVE


def test_kill_file_halts_and_its_removal_does_not_resume(ledger: Ledger) -> None:
    ledger.settings.kill_file.touch()
    assert ledger.trip() is TradingState.HALTED
    ledger.settings.kill_file.unlink()
    assert ledger.trip(timedelta(days=9)) is TradingState.HALTED
    assert ledger.sources() == ["breaker kill_file"]
    assert ledger.resume() is TradingState.ACTIVE
    assert ledger.trip(HOUR) is TradingState.ACTIVE


def test_kill_file_that_is_a_dangling_link_halts(ledger: Ledger) -> None:
    ledger.settings.kill_file.symlink_to("/nowhere/at/all")
    assert ledger.trip() is TradingState.HALTED


def test_kill_file_that_cannot_be_checked_halts(ledger: Ledger, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    ledger.settings = ledger.settings.model_copy(update={"kill_file": loop / "HALT"})
    assert ledger.trip() is TradingState.HALTED
    assert "cannot be checked" in ledger.held()[0].reason


def test_triggered_order_group_halts_until_resumed(ledger: Ledger) -> None:
    with transaction(ledger.trader) as session:
        for act in (Act.CREATED, Act.TRIGGERED):
            order_groups.record(session, MODE, act, "g-1", 1000, reason="its limit", at=ledger.now)
    assert ledger.trip() is TradingState.HALTED
    assert ledger.held()[0].reason == "the order group g-1 was triggered: its limit"
    assert ledger.resume() is TradingState.ACTIVE
    assert ledger.trip(HOUR) is TradingState.ACTIVE


def test_the_end_of_a_breaker_does_not_end_the_operators_halt(ledger: Ledger) -> None:
    ledger.halt()
    ledger.lose(50, HOUR, "B1.5")
    assert ledger.trip() is TradingState.HALTED
    assert set(ledger.sources()) == {"ann", "breaker daily_loss"}
    assert ledger.state() == ("halted", "storm", None)
    assert ledger.trip(timedelta(days=2)) is TradingState.HALTED
    assert ledger.sources() == ["ann"]


def test_the_end_of_a_halt_keeps_the_hold_of_a_breaker(ledger: Ledger) -> None:
    ledger.halt(until=ledger.now + HOUR)
    ledger.lose(50, HOUR, "B1.5")
    assert ledger.trip() is TradingState.HALTED
    assert ledger.trip(HOUR) is TradingState.REDUCING
    state, reason, until = ledger.state()
    assert (state, until) == ("reducing", MONDAY + timedelta(days=1))
    assert reason.startswith("daily loss")


def test_resume_ends_only_the_holds_that_the_operator_saw(ledger: Ledger) -> None:
    ledger.halt("ann")
    ledger.halt("bob")
    seen = ledger.held()
    ledger.lose(50, HOUR, "B1.5")
    ledger.trip()
    assert ledger.resume(*seen) is TradingState.REDUCING, "the loss was found after the operator's check"
    assert ledger.sources() == ["breaker daily_loss"]
    assert ledger.state()[0] == "reducing"


def test_a_loss_after_the_acknowledgement_counts_again(ledger: Ledger) -> None:
    ledger.lose(50, HOUR, "B1.5")
    ledger.trip()
    ledger.resume()
    ledger.now += HOUR
    ledger.lose(49, timedelta(0), "B2.5")
    assert ledger.trip() is TradingState.ACTIVE
    ledger.lose(1, timedelta(0), "B3.5")
    assert ledger.trip() is TradingState.REDUCING


def test_the_halt_of_a_restore_ends_only_by_the_operator(ledger: Ledger) -> None:
    with ledger.owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)"
                " VALUES ('demo', 'halted', 'restored', 'restore-database.sh', :now)"
            ),
            {"now": ledger.now},
        )
    ledger.lose(50, HOUR, "B1.5")
    assert ledger.trip() is TradingState.HALTED
    assert ledger.trip(timedelta(days=2)) is TradingState.HALTED
    assert ledger.sources() == ["restore-database.sh"]
    assert ledger.state() == ("halted", "restored", None)


def test_a_corrected_settlement_counts_as_a_loss_when_it_is_found(ledger: Ledger) -> None:
    # A win of 60 of two days ago that turned into a loss of 40: a hundred dollars left the account today.
    values = {"before": ledger.now - timedelta(days=2), "now": ledger.now}
    with ledger.owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.settlement_corrections (trading_mode, ticker, result_before, yes_value_before,"
                " settled_before, realized_before, result, yes_value, settled_at, difference, recorded_at)"
                " VALUES ('demo', 'T', 'yes', 1, :before, 60, 'no', 0, :before, -100, :now)"
            ),
            values,
        )
    assert ledger.trip() is TradingState.REDUCING
    assert "100.00 dollars lost" in ledger.held()[0].reason


@contextmanager
def _refused() -> Iterator[None]:
    with pytest.raises(ProgrammingError, match="permission denied"):
        yield


def test_the_trader_cannot_end_a_hold_or_accept_terms_by_itself(ledger: Ledger) -> None:
    ledger.halt()
    statements = (
        "INSERT INTO ops.hold_acknowledgements VALUES (1, 'me', now(), 'x')",
        "UPDATE ops.trading_holds SET until = now()",
        "DELETE FROM ops.trading_holds",
        "INSERT INTO ops.terms_acceptances VALUES ('demo', 's', 'fees', 'f', 'me', now(), 'x')",
    )
    for statement in statements:
        with ledger.trader.connect() as connection, _refused():
            connection.execute(text(statement))
