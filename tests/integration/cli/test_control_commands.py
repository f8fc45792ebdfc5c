"""The operator's acts: what is held is shown, ended by name, and never ended by a file that is still there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.cli import Milkbot
from tests.postgres import TestDatabase

from milkbot.cli.actor import acting_user
from milkbot.db import holds, terms
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import Effect, TradingState
from milkbot.risk.terms import Clause

MODE = TradingMode.DEMO


def hold(database: TestDatabase, source: str, effect: Effect, *, hours: int | None = None) -> int:
    """A hold as the trader sets one; returns its id."""
    now = datetime.now(UTC)
    until = None if hours is None else now + timedelta(hours=hours)
    with Session(database.engine()) as session, session.begin():
        holds.add(session, MODE, source=source, effect=effect, reason=f"{source} tripped", since=now, until=until)
        holds.publish(session, MODE, now)
        return int(session.execute(text("SELECT max(id) FROM ops.trading_holds")).scalar_one())


def in_force(database: TestDatabase) -> list[str]:
    with Session(database.engine()) as session:
        return [one.source for one in holds.holds(session, MODE, datetime.now(UTC))]


def state(database: TestDatabase) -> str:
    with database.engine().connect() as connection:
        query = "SELECT state FROM ops.trading_states ORDER BY id DESC LIMIT 1"
        return str(connection.scalar(text(query)))


def test_resume_shows_and_ends_every_hold(milkbot: Milkbot, database: TestDatabase) -> None:
    hold(database, "breaker daily_loss", Effect.REDUCING, hours=24)
    assert milkbot("halt", "--reason", "storm").code == 0
    done = milkbot("resume", "--reason", "it passed")
    assert done.code == 0
    lines = done.out.splitlines()
    assert re.fullmatch(r"ended: 2, halted by \w+(?: \(SUDO_USER says \w+\))? since [-\d]+ [:\d]+ UTC: storm", lines[0])
    assert re.fullmatch(
        r"ended: 1, reducing by breaker daily_loss since .* UTC until .* UTC: breaker daily_loss tripped", lines[1]
    )
    assert lines[2:] == ["trading is active"]
    assert in_force(database) == []
    with database.engine().connect() as connection:
        query = "SELECT hold_id, acknowledged_by <> '', note FROM ops.hold_acknowledgements ORDER BY hold_id"
        assert [tuple(row) for row in connection.execute(text(query))] == [
            (1, True, "it passed"),
            (2, True, "it passed"),
        ]


def test_resume_of_one_hold_leaves_the_others(milkbot: Milkbot, database: TestDatabase) -> None:
    hold(database, "breaker rejects", Effect.HALTED)
    weaker = hold(database, "breaker daily_loss", Effect.REDUCING, hours=24)
    done = milkbot("resume", "--reason", "known", "--hold", str(weaker))
    assert done.out.splitlines()[-1] == "trading is halted"
    assert "still held: 1, halted by breaker rejects" in done.out
    assert (in_force(database), state(database)) == (["breaker rejects"], "halted")


def test_resume_of_an_unknown_hold_changes_nothing(milkbot: Milkbot, database: TestDatabase) -> None:
    hold(database, "breaker rejects", Effect.HALTED)
    refused = milkbot("resume", "--reason", "known", "--hold", "1", "--hold", "9")
    assert refused.code == 1
    assert refused.sentences == ["milkbot: --hold is 9, which is not in force; in force: 1"]
    assert in_force(database) == ["breaker rejects"]


def test_resume_is_refused_while_the_kill_file_exists(milkbot: Milkbot, database: TestDatabase, tmp_path: Path) -> None:
    path = tmp_path / "HALT"
    path.touch()
    hold(database, "breaker kill_file", Effect.HALTED)
    refused = milkbot("resume", "--reason", "why not", KILL_FILE=str(path))
    assert refused.code == 77
    assert refused.sentences == [f"milkbot: the kill file {path} exists; remove it, then resume"]
    assert in_force(database) == ["breaker kill_file"]
    path.unlink()
    assert milkbot("resume", "--reason", "gone", KILL_FILE=str(path)).code == 0
    assert in_force(database) == []


def test_a_breaker_that_ends_does_not_end_a_halt(milkbot: Milkbot, database: TestDatabase) -> None:
    milkbot("halt", "--reason", "storm")
    hold(database, "breaker daily_loss", Effect.REDUCING, hours=0)
    assert state(database) == TradingState.HALTED
    assert len(in_force(database)) == 1


def test_resume_of_a_restored_database_ends_the_halt_of_the_restore(milkbot: Milkbot, database: TestDatabase) -> None:
    with database.engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)"
                " VALUES ('demo', 'halted', 'restored', 'restore-database.sh', now())"
            )
        )
    done = milkbot("resume", "--reason", "looked at it")
    assert "halted by restore-database.sh" in done.out
    assert state(database) == "active"


@pytest.fixture
def changed(database: TestDatabase) -> Clause:
    """Fees of New York that changed after they were first seen, and rules that did not."""
    first, then = Clause("fees", "quadratic x 1"), Clause("fees", "quadratic x 2")
    begun = datetime(2026, 8, 3, tzinfo=UTC)
    with Session(database.engine()) as session, session.begin():
        terms.see(session, MODE, [("KXHIGHNY", first), ("KXHIGHNY", Clause("rules less", "a rule"))], begun)
        told = terms.see(session, MODE, [("KXHIGHNY", then)], begun + timedelta(days=1))
        assert [row.fingerprint for row in told] == [then.fingerprint]
    return then


def test_changed_terms_are_listed_and_can_be_accepted(
    milkbot: Milkbot, database: TestDatabase, changed: Clause
) -> None:
    listed = milkbot("terms", "list").out
    assert changed.fingerprint in listed
    assert "quadratic x 2" in listed
    assert "quadratic x 1" not in listed
    assert "a rule" not in listed
    done = milkbot("terms", "accept", changed.fingerprint, "--reason", "read the notice")
    assert done.out == f"accepted: KXHIGHNY fees ({changed.fingerprint})\n"
    assert changed.fingerprint not in milkbot("terms", "list").out
    with Session(database.engine()) as session:
        accepted = terms.accepted(session, MODE)["KXHIGHNY"]["fees"]
    assert accepted == {Clause("fees", "quadratic x 1").fingerprint, changed.fingerprint}
    with database.engine().connect() as connection:
        acts = connection.scalars(text("SELECT message FROM ops.risk_events WHERE event_type = 'operator'")).all()
    assert [act.partition(" ")[2] for act in acts] == [
        f"accepted KXHIGHNY fees ({changed.fingerprint}): read the notice"
    ]


@pytest.mark.parametrize("reason", ["  ", "read"])
def test_terms_are_accepted_only_with_a_reason_and_an_exact_name(
    milkbot: Milkbot, changed: Clause, reason: str
) -> None:
    name = changed.fingerprint if not reason.strip() else "0" * 16
    refused = milkbot("terms", "accept", name, "--reason", reason)
    assert refused.code == 1
    assert len(refused.sentences) == 1
    assert changed.fingerprint in milkbot("terms", "list").out


def test_terms_of_another_mode_are_not_listed(milkbot: Milkbot, changed: Clause) -> None:
    assert changed.fingerprint not in milkbot("terms", "list", TRADING_MODE="shadow").out


@pytest.mark.parametrize("command", ["halt", "resume"])
def test_the_recorded_actor_is_the_login_user_and_no_variable(
    milkbot: Milkbot, database: TestDatabase, command: str
) -> None:
    hold(database, "breaker rejects", Effect.HALTED)
    assert milkbot(command, "--reason", "why", LOGNAME="x", USER="x", SUDO_USER="").code == 0
    with database.engine().connect() as connection:
        message = connection.scalar(text("SELECT message FROM ops.risk_events WHERE event_type = 'operator'"))
    assert str(message).startswith(f"{acting_user({})} set the trading state to ")
