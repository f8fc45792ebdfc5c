"""A loss of the first weeks may not leave the rest of a history without a trade, nor a new platform halted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from tests.postgres import TestDatabase

from milkbot.db import holds
from milkbot.db.session import transaction
from milkbot.db.state import current_state
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import Effect, TradingState
from milkbot.history import operator

NOW = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)


def _set(engine: Engine, source: str, effect: Effect, until: datetime | None) -> None:
    with transaction(engine) as session:
        holds.add(
            session, TradingMode.DEMO, source=source, effect=effect, reason=f"of {source}", since=NOW, until=until
        )
        holds.publish(session, TradingMode.DEMO, NOW)


def _holds_and_state(engine: Engine, now: datetime) -> tuple[list[str], TradingState]:
    with transaction(engine) as session:
        record = current_state(session, TradingMode.DEMO)
        assert record is not None
        return [hold.source for hold in holds.holds(session, TradingMode.DEMO, now)], record.at(now)


def test_history_remains_halted_by_its_losses(database: TestDatabase) -> None:
    engine, later = database.engine(), NOW + timedelta(hours=1)
    _set(engine, "monthly_loss", Effect.HALTED, None)
    _set(engine, "daily_loss", Effect.REDUCING, NOW + timedelta(days=1))
    assert _holds_and_state(engine, later) == (["monthly_loss", "daily_loss"], TradingState.HALTED)
    operator.end_holds(engine, TradingMode.DEMO, later)
    assert _holds_and_state(engine, later) == (["daily_loss"], TradingState.REDUCING)
    operator.end_holds(engine, TradingMode.DEMO, later, last=True)
    assert _holds_and_state(engine, later) == ([], TradingState.ACTIVE)
