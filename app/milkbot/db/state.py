"""Repository of the trading state, the act that arms live trading, and the lock that keeps ticks apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import OperationalError, PendingRollbackError
from sqlalchemy.orm import Session

from milkbot.db.ops import LiveArming, TradingStateRow
from milkbot.db.session import first_line
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


@contextmanager
def single_writer(engine: Engine, mode: TradingMode) -> Iterator[Callable[[], None]]:
    """Hold the lock of that mode's ledger for the length of the block; yields the question whether it is held still.

    Raises LockHeldError at once when another process holds it. The lock lives in a session of the database: it goes
    when this process does, however it ends, and when the server ends the session: then the question raises
    DatabaseUnavailableError, and another tick may be running.
    """
    key = f"milkbot tick {mode}"
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise DatabaseUnavailableError(
            f"the database does not answer: {first_line(error)}; no order was sent"
        ) from error
    with connection.execution_options(isolation_level="AUTOCOMMIT"):
        if not connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), {"key": key}):
            raise LockHeldError(f"another tick in mode {mode} is running; this one ends")

        def held() -> None:
            try:
                connection.execute(text("SELECT 1"))
            except OperationalError as error:
                lost = f"the lock was lost with its connection: {first_line(error)}; no further order was sent"
                raise DatabaseUnavailableError(lost) from error

        try:
            yield held
        finally:
            # A lost connection has lost the lock with it.
            with suppress(OperationalError, PendingRollbackError):
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), {"key": key})
