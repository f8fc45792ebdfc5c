"""Repository of the trading state, the act that arms live trading, and the lock that keeps ticks apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from milkbot.db.ops import LiveArming, TradingStateRow
from milkbot.db.session import first_line, transaction
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import StateRecord, TradingState
from milkbot.errors import DatabaseUnavailableError, LockHeldError


def current_state(session: Session, mode: TradingMode) -> StateRecord | None:
    """The state as it was set last, None if nobody ever set one (which means ACTIVE)."""
    wanted = select(TradingStateRow).where(TradingStateRow.trading_mode == mode).order_by(TradingStateRow.id.desc())
    row = session.scalars(wanted.limit(1)).first()
    if row is None:
        return None
    return StateRecord(TradingState(row.state), row.reason, row.since, row.until, row.acknowledged_by)


def set_state(
    session: Session,
    *,
    mode: TradingMode,
    state: TradingState,
    reason: str,
    set_by: str,
    since: datetime,
    until: datetime | None = None,
    acknowledged_by: str | None = None,
    from_holds: bool = False,
) -> None:
    """Append a state; earlier ones remain as the record of who did what."""
    session.execute(
        insert(TradingStateRow).values(
            trading_mode=mode,
            state=state,
            reason=reason,
            set_by=set_by,
            since=since,
            until=until,
            acknowledged_by=acknowledged_by,
            from_holds=from_holds,
        )
    )


def arm_live(session: Session, *, armed_by: str, armed_at: datetime, expires_at: datetime, statement: str) -> None:
    """Store the operator's act that allows live trading until it expires."""
    row = {"armed_by": armed_by, "armed_at": armed_at, "expires_at": expires_at, "statement": statement}
    session.execute(insert(LiveArming).values(row))


def live_is_armed(session: Session, now: datetime) -> bool:
    """Whether an operator's act that allows live trading is in force."""
    return session.scalars(select(LiveArming.id).where(LiveArming.expires_at > now).limit(1)).first() is not None


class Writer:
    """The single writer of a mode's ledger: its transactions run in the very session that holds the lock.

    So what it committed was committed while the lock was held. There is no moment between a question and a commit.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose block is one transaction: committed at its end, rolled back when it raises.

        Raises DatabaseUnavailableError when it is not known to be committed. Where the server ended the session, the
        lock went with it, and another tick may be running: then this raises from now on, for no other session replaces
        that one.
        """
        if self._lost():
            raise DatabaseUnavailableError("the lock was lost with its connection; no further order was sent")
        try:
            with transaction(self._connection) as session:
                yield session
        except DatabaseUnavailableError as error:
            if not self._lost():
                raise
            lost = f"the lock was lost with its connection: {error}; no further order was sent"
            raise DatabaseUnavailableError(lost) from error

    def _lost(self) -> bool:
        return self._connection.invalidated


@contextmanager
def single_writer(engine: Engine, mode: TradingMode) -> Iterator[Writer]:
    """Hold the lock of that mode's ledger for the length of the block; yields what writes while it is held.

    Raises LockHeldError at once when another process holds it. The lock lives in a session of the database: it goes
    when this process does, however it ends, and when the server ends the session. So between this and the server there
    may be no pooler that gives a session to several clients.
    """
    key = {"key": f"milkbot tick {mode}"}
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise DatabaseUnavailableError(
            f"the database does not answer: {first_line(error)}; no order was sent"
        ) from error
    with connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), key):
            raise LockHeldError(f"another tick in mode {mode} is running; this one ends")
        connection.commit()
        try:
            yield Writer(connection)
        finally:
            _unlock(connection, key)


def _unlock(connection: Connection, key: dict[str, str]) -> None:
    """Let go of the lock, which a lost connection has lost already. One that cannot unlock is dropped with it."""
    if connection.invalidated:
        return
    try:
        connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), key)
        connection.commit()
    except DBAPIError:
        connection.invalidate()
