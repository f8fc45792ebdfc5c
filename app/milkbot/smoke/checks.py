"""One part of the suite: checks that follow each other in a transaction that is never committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from milkbot.db.session import DatabaseAddress, first_line, make_engine
from milkbot.errors import DatabaseUnavailableError

# Whoever works meanwhile goes first: a check that has to wait for a lock gives up, and so does one that takes long.
LOCK_TIMEOUT = "2s"
STATEMENT_TIMEOUT_MS = 5_000

_LOCK_TIMEOUT = "lock timeout"

_Answer = TypeVar("_Answer")
_Given = ParamSpec("_Given")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One check: as which role of the database, how long it took, and what was wrong, empty when nothing was."""

    role: str
    check: str
    milliseconds: float
    problem: str = ""


class BrokenError(Exception):
    """A check failed on which the following ones of its part rest."""


@dataclass(slots=True)
class Checks:
    """Runs checks on one session, each in a savepoint, and keeps what came of them."""

    role: str
    session: Session
    outcomes: list[Outcome]

    def __call__(self, call: Callable[_Given, object], *given: _Given.args, **named: _Given.kwargs) -> None:
        """Run a check that is named after its function; the next ones can do without it."""
        self.named(call.__name__, call, *given, **named)

    def need(self, call: Callable[_Given, _Answer | None], *given: _Given.args, **named: _Given.kwargs) -> _Answer:
        """Run a check whose answer the next ones need. Raises BrokenError."""
        answer = self.named(call.__name__, call, *given, **named)
        if answer is None:
            raise BrokenError(call.__name__)
        return answer

    def named(
        self, name: str, call: Callable[_Given, _Answer], *given: _Given.args, **named: _Given.kwargs
    ) -> _Answer | None:
        """Run a check under another name; None when it failed. Raises BrokenError when a lock was in its way: the
        next ones would wait as long.
        """
        started = time.perf_counter()
        answer: _Answer | None = None
        problem, busy = "", False
        try:
            with self.session.begin_nested():
                self.session.connection()  # makes the savepoint, also for what works on the connection itself
                answer = call(*given, **named)
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            problem = _told(error)
            busy = _LOCK_TIMEOUT in problem
        self.outcomes.append(Outcome(self.role, name, round((time.perf_counter() - started) * 1000, 1), problem))
        if busy:
            raise BrokenError(name)
        return answer


def _told(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        return first_line(error)
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _become(connection: Connection, role: str) -> None:
    """For the transaction that has begun, with no more rights than that role has."""
    try:
        connection.execute(text(f"SET LOCAL ROLE {role}"))
    except ProgrammingError as error:
        fix = "to grant it, run: site.yml --tags postgres"
        raise DatabaseUnavailableError(f"the owner may not become {role}: {first_line(error)}; {fix}") from error


@contextmanager
def part(address: DatabaseAddress, outcomes: list[Outcome], role: str | None = None) -> Iterator[Checks]:
    """Checks as the role of the address, or as one that it may set, kept in `outcomes`.

    Whatever they wrote is taken back; one that the others needed ends them. Raises DatabaseUnavailableError when the
    role does not come in, may not set the other one, or loses its connection.
    """
    engine = make_engine(address, application="milkbot smoke", statement_timeout_ms=STATEMENT_TIMEOUT_MS)
    try:
        with engine.connect() as connection, connection.begin() as never_committed:
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            if role:
                _become(connection, role)
            with Session(connection, expire_on_commit=False) as session:
                checks = Checks(role or address.user, session, outcomes)
                try:
                    yield checks
                except BrokenError as broken:
                    outcomes.append(Outcome(checks.role, "the rest", 0, f"not tried: it needs {broken}"))
            never_committed.rollback()
    except OperationalError as error:
        raise DatabaseUnavailableError(f"the database does not answer {address}: {first_line(error)}") from error
    finally:
        engine.dispose()
