"""Engines and sessions. One sync stack on psycopg 3 for the trader, the API and the migrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from milkbot import failpoints
from milkbot.errors import DatabaseUnavailableError

# A schema, table or column that is missing, or that this role may not use.
_SCHEMA_UNFIT = frozenset({"3F000", "42P01", "42703", "42501"})

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


def make_engine(address: DatabaseAddress, *, application: str, statement_timeout_ms: int = 30_000) -> Engine:
    """An engine whose connections are checked before use, named in pg_stat_activity, and bounded in time.

    Whatever the server's configuration says, a commit is on the disk when it returns, for an order is sent after it,
    and times come in UTC.
    """
    options = (
        f"-c statement_timeout={statement_timeout_ms} -c idle_in_transaction_session_timeout=60000 "
        "-c synchronous_commit=on -c timezone=UTC"
    )
    return create_engine(
        address.url(),
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=4,
        connect_args={"connect_timeout": 5, "application_name": application, "options": options},
    )


@contextmanager
def transaction(bind: Bind) -> Iterator[Session]:
    """A session whose block is one transaction: committed at its end, rolled back when it raises.

    Raises DatabaseUnavailableError when the server does not answer, or not with this release's schema.
    """
    try:
        with Session(bind, expire_on_commit=False) as session, session.begin():
            yield session
            failpoints.reach("database.committing")
        failpoints.reach("database.committed")
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
