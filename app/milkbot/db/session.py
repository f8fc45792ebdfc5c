"""Engines and sessions. One sync stack on psycopg 3 for the trader, the API and the migrations."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from milkbot import failpoints
from milkbot.errors import DatabaseUnavailableError

# A schema, table or column that is missing, or that this role may not use.
_SCHEMA_UNFIT = frozenset({"3F000", "42P01", "42703", "42501"})

ANSWER_GRACE_SECONDS: Final = 5.0
"""How much longer than the server's own bound of a statement its answer is waited for."""

# Over TCP, a server that vanished is noticed in 15 seconds: by what it does not acknowledge, or by probes.
_TCP: Final = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

# What a transaction may be made on. On a connection that has a savepoint, it is one more within that.
Bind = Engine | Connection


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where the database is. `host` may be a directory: then it is a Unix socket and the peer's user counts."""

    host: str
    port: int
    name: str
    user: str
    password: str | None

    def url(self) -> URL:
        """The address for SQLAlchemy, driver written out."""
        query = {"host": self.host} if self.host.startswith("/") else {}
        return URL.create(
            "postgresql+psycopg",
            username=self.user,
            password=self.password,
            host=None if query else self.host,
            port=self.port,
            database=self.name,
            query=query,
        )

    def __str__(self) -> str:
        return f"{self.name} as {self.user} at {self.host}:{self.port}"


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits for an answer no longer than `answer_within` seconds, whatever the server does.

    The server bounds its statements itself. But a process of it that is stopped bounds nothing, and over a Unix socket
    there is no packet to miss. Then the connection is closed here, and the statement may be done or not.
    """

    answer_within: float

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Drive an exchange of messages to its end. Raises psycopg.OperationalError when the server says nothing."""
        return super().wait(self._bounded(gen), interval, timeout)

    def _bounded(self, gen: PQGen[RV]) -> PQGen[RV]:
        """The same exchange. The driver comes by at each interval, with nothing where the socket has nothing."""
        until = time.monotonic() + self.answer_within
        try:
            awaited = next(gen)
            while True:
                ready = yield awaited
                if not ready and time.monotonic() > until:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server gave no answer for {self.answer_within:g} seconds")
                awaited = gen.send(ready)
        except StopIteration as done:
            answer: RV = done.value
            return answer


def make_engine(address: DatabaseAddress, *, application: str, statement_timeout_ms: int = 30_000) -> Engine:
    """An engine whose connections are checked before use, named in pg_stat_activity, and bounded in time, on the
    server's side and ANSWER_GRACE_SECONDS later on ours. On a Unix socket a poll shows that the server closed it; over
    TCP that takes a ping.

    Whatever the server's configuration says, a commit is on the disk when it returns, for an order is sent after it,
    and times come in UTC. Nothing is compiled: to compile a statement of ours takes longer than to run it.
    """
    options = (
        f"-c statement_timeout={statement_timeout_ms} -c idle_in_transaction_session_timeout=60000 "
        "-c synchronous_commit=on -c timezone=UTC -c jit=off"
    )
    is_local = address.host.startswith("/")
    engine = create_engine(
        address.url(),
        pool_pre_ping=not is_local,
        pool_size=4,
        max_overflow=4,
        connect_args={"connect_timeout": 5, "application_name": application, "options": options, **_TCP},
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, arguments: list[Any], named: dict[str, Any]) -> BoundedConnection:
        connection = BoundedConnection.connect(*arguments, **named)
        connection.answer_within = statement_timeout_ms / 1000 + ANSWER_GRACE_SECONDS
        return connection

    if is_local:
        event.listen(engine, "checkout", _check_socket)
    return engine


def _check_socket(connection: psycopg.Connection[Any], *_: object) -> None:
    """Raises DisconnectionError, upon which the pool connects anew, for a connection that is closed here or has
    something to read: between two statements the server sends nothing but its end.
    """
    if connection.closed:
        raise DisconnectionError
    readable = select.poll()
    readable.register(connection, select.POLLIN)
    if readable.poll(0):
        raise DisconnectionError


@contextmanager
def transaction(bind: Bind) -> Iterator[Session]:
    """A session whose block is one transaction: committed at its end, rolled back when it raises.

    Raises DatabaseUnavailableError when the server does not answer, or not with this release's schema.
    """
    with _unavailable():
        with Session(bind, expire_on_commit=False) as session, session.begin():
            yield session
            failpoints.reach("database.committing")
        failpoints.reach("database.committed")


@contextmanager
def reading(bind: Bind) -> Iterator[Connection]:
    """A connection for statements that only read, without a session's cost. Raises as `transaction` does."""
    with _unavailable():
        if isinstance(bind, Connection):
            yield bind
        else:
            with bind.connect() as connection:
                yield connection


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise DatabaseUnavailableError(f"the database does not answer: {first_line(error)}") from error
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in _SCHEMA_UNFIT:
            raise
        fix = "run: milkbot db upgrade"
        raise DatabaseUnavailableError(f"the database does not fit this release: {first_line(error)}; {fix}") from error


def first_line(error: DBAPIError) -> str:
    """What the server or the driver said, on one line."""
    return str(error.orig or error).strip().splitlines()[0]
