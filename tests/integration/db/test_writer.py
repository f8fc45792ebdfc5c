"""The writer's transactions run in the session that holds the lock: once that has ended, it commits nothing more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from tests.exchange import TRADER
from tests.postgres import Cluster, TestDatabase

from milkbot.db.state import Writer, single_writer
from milkbot.domain.modes import TradingMode
from milkbot.errors import DatabaseUnavailableError, LockHeldError

DEMO = TradingMode.DEMO
HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory'"
NOTE = text(
    "INSERT INTO ops.risk_events (trading_mode, event_type, severity, message, event_time) "
    "VALUES ('demo', 'operator', 'info', :message, now())"
)


@pytest.fixture
def engine(database: TestDatabase) -> Engine:
    """The trader's engine."""
    return database.engine(TRADER)


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    """The single writer."""
    with single_writer(engine, DEMO) as ready:
        yield ready


def holder(database: TestDatabase) -> int | None:
    """The server's process whose session holds the lock in that database."""
    query = f"{HOLDER} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    with database.engine().connect() as connection:
        found: int | None = connection.scalar(text(query))
    return found


def end_the_session_of_the_lock(cluster: Cluster, database: TestDatabase) -> None:
    """As a server does that restarts, or that is told to."""
    with cluster.admin.connect() as connection:
        assert connection.scalar(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": holder(database)})


def notes(database: TestDatabase) -> list[str]:
    """What was committed."""
    with database.engine().connect() as connection:
        return list(connection.scalars(text("SELECT message FROM ops.risk_events ORDER BY id")))


def test_a_transaction_of_the_writer_runs_in_the_session_that_holds_the_lock(
    database: TestDatabase, writer: Writer
) -> None:
    for _ in range(2):
        with writer.transaction() as session:
            assert session.scalar(text("SELECT pg_backend_pid()")) == holder(database)


def test_a_transaction_of_the_writer_is_committed_at_its_end_and_only_there(
    database: TestDatabase, writer: Writer
) -> None:
    with writer.transaction() as session:
        session.execute(NOTE, {"message": "kept"})
        assert notes(database) == []
    lacks_a_message = pytest.raises(DBAPIError)
    with lacks_a_message, writer.transaction() as session:
        session.execute(NOTE, {"message": "taken back"})
        session.execute(NOTE, {"message": None})
    assert notes(database) == ["kept"]


def test_a_session_that_ended_before_the_commit_commits_nothing(
    cluster: Cluster, database: TestDatabase, writer: Writer
) -> None:
    lost = pytest.raises(DatabaseUnavailableError, match="the lock was lost with its connection")
    with lost, writer.transaction() as session:
        session.execute(NOTE, {"message": "lost"})
        end_the_session_of_the_lock(cluster, database)
    assert notes(database) == []


def test_a_writer_that_lost_its_session_never_writes_in_another(
    cluster: Cluster, database: TestDatabase, writer: Writer
) -> None:
    """The pool would give it a new session, in which it holds no lock."""
    end_the_session_of_the_lock(cluster, database)
    for _ in range(3):
        with (
            pytest.raises(DatabaseUnavailableError, match="the lock was lost with its connection"),
            writer.transaction() as session,
        ):
            session.execute(NOTE, {"message": "without the lock"})
    assert notes(database) == []


def test_another_writer_follows_one_that_lost_its_session(
    cluster: Cluster, database: TestDatabase, engine: Engine
) -> None:
    with single_writer(engine, DEMO) as first:
        end_the_session_of_the_lock(cluster, database)
        with single_writer(database.engine(TRADER), DEMO) as second:
            with pytest.raises(DatabaseUnavailableError), first.transaction() as session:
                session.execute(NOTE, {"message": "first"})
            with second.transaction() as session:
                session.execute(NOTE, {"message": "second"})
    assert notes(database) == ["second"]
    assert holder(database) is None, "the first one's end must not take the lock of the second"


def test_the_lock_is_free_once_its_holder_has_left_and_not_before(database: TestDatabase, engine: Engine) -> None:
    with single_writer(engine, DEMO) as writer:
        with writer.transaction() as session:
            session.execute(NOTE, {"message": "one"})
        with pytest.raises(LockHeldError), single_writer(database.engine(TRADER), DEMO):
            pass
    assert holder(database) is None
    with single_writer(database.engine(TRADER), DEMO):
        assert holder(database) is not None
