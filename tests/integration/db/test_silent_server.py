"""A server that says nothing any more: it vanished, or a process of it is stopped. Nobody waits for minutes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from tests.exchange import TRADER
from tests.integration.trader.proxy import Cut, Proxy, proxy_before
from tests.patience import PATIENCE
from tests.postgres import Cluster, TestDatabase

from milkbot.db.session import ANSWER_GRACE_SECONDS, DatabaseAddress, make_engine
from milkbot.db.state import single_writer
from milkbot.domain.modes import TradingMode
from milkbot.errors import DatabaseUnavailableError

LONG = 600_000
"""Milliseconds that a statement may run: longer than anybody waits."""
SHORT = 1_000
NOTE = text(
    "INSERT INTO ops.risk_events (trading_mode, event_type, severity, message, event_time) "
    "VALUES ('demo', 'operator', 'info', 'a note', now())"
)


@pytest.fixture
def wire(database: TestDatabase) -> Iterator[Proxy]:
    """TCP to the server."""
    with proxy_before(database.socket_directory / ".s.PGSQL.5432") as proxy:
        yield proxy


@contextmanager
def engine_on(address: DatabaseAddress, statement_timeout_ms: int) -> Iterator[Engine]:
    """An engine of the trader's kind."""
    engine = make_engine(address, application="test", statement_timeout_ms=statement_timeout_ms)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def far(database: TestDatabase, wire: Proxy) -> Iterator[Connection]:
    """A connection over TCP, whose statements may run for ever."""
    address = DatabaseAddress("127.0.0.1", wire.port, database.name, TRADER, None)
    with engine_on(address, LONG) as engine, engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        yield connection


def lost_after(act: Callable[[], object], match: str | None = None) -> float:
    """The seconds after which that ends with a lost connection."""
    began = time.monotonic()
    with pytest.raises((OperationalError, DatabaseUnavailableError), match=match):
        act()
    return time.monotonic() - began


@contextmanager
def stopped(backend: int) -> Iterator[None]:
    """Stop that process of the server."""
    os.kill(backend, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(backend, signal.SIGCONT)


def pid_of(connection: Connection) -> int:
    """The server's process of a connection."""
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def test_a_server_that_vanished_is_noticed_by_the_statement_that_it_does_not_acknowledge(
    far: Connection, wire: Proxy
) -> None:
    wire.cut(Cut.SILENTLY)
    assert lost_after(lambda: far.execute(text("SELECT 1"))) < 25


def test_a_server_that_vanished_during_a_statement_is_noticed_by_the_probes(far: Connection, wire: Proxy) -> None:
    """The statement had arrived: nothing is left to be acknowledged."""
    cutting = threading.Timer(1, wire.cut, (Cut.SILENTLY,))
    cutting.start()
    assert lost_after(lambda: far.execute(text("SELECT pg_sleep(300)"))) < 30
    cutting.join()


def test_a_stopped_process_of_the_server_is_given_up_over_a_unix_socket(database: TestDatabase) -> None:
    """Its kernel is well, so that only the answer is missing; the next connection has another process."""
    within = SHORT / 1000 + ANSWER_GRACE_SECONDS
    with engine_on(database.address(TRADER), SHORT) as engine:
        with engine.connect() as connection, stopped(pid_of(connection)):
            took = lost_after(lambda: connection.execute(text("SELECT 1")), "no answer for 6 seconds")
        assert within <= took < within + PATIENCE
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1


def test_a_statement_that_runs_too_long_is_ended_by_the_server_and_keeps_its_connection(
    database: TestDatabase,
) -> None:
    with engine_on(database.address(TRADER), SHORT) as engine, engine.connect() as connection:
        backend = pid_of(connection)
        lost_after(lambda: connection.execute(text("SELECT pg_sleep(300)")), "statement timeout")
        connection.rollback()
        assert pid_of(connection) == backend


def test_an_answer_that_takes_its_time_is_waited_for(database: TestDatabase) -> None:
    with engine_on(database.address(TRADER), SHORT) as engine, engine.connect() as connection:
        backend = pid_of(connection)
        os.kill(backend, signal.SIGSTOP)
        going_on = threading.Timer(2, os.kill, (backend, signal.SIGCONT))
        going_on.start()
        assert connection.scalar(text("SELECT 1")) == 1
        going_on.join()


def test_a_writer_whose_commit_is_not_answered_has_lost_its_lock(cluster: Cluster, database: TestDatabase) -> None:
    """Its row may be there once the process goes on: nobody may send what it announces."""
    with engine_on(database.address(TRADER), SHORT) as engine, single_writer(engine, TradingMode.DEMO) as writer:

        def commit_to_a_stopped_process() -> None:
            with writer.transaction() as session:
                session.execute(NOTE)
                backends.append(pid_of(session.connection()))
                os.kill(backends[0], signal.SIGSTOP)

        backends: list[int] = []
        try:
            lost_after(commit_to_a_stopped_process, "the lock was lost with its connection")
        finally:
            os.kill(backends[0], signal.SIGCONT)
        lost_after(lambda: writer.transaction().__enter__(), "the lock was lost with its connection")
    ended = "SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"
    deadline = time.monotonic() + PATIENCE
    with cluster.admin.connect() as connection:
        while connection.scalar(text(ended), {"pid": backends[0]}):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    with database.engine().connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ops.risk_events")) == 1
