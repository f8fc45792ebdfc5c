"""Repository of forecasts: each of the live forecaster, and one an hour of every challenger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from milkbot.db.bulk import insert_many
from milkbot.db.forecast_tables import ForecastRow
from milkbot.db.rollup_tables import ForecastEvidence
from milkbot.domain.modes import TradingMode


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the scored days say of exactly one forecaster; `standing` is a `milkbot.sizing.evidence.Standing`."""

    forecaster: str
    version: str
    parameters_hash: str
    standing: str
    days: int


def save(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store what forecasters answered in a tick."""
    insert_many(session, ForecastRow, rows)


def challenged_since(session: Session, mode: TradingMode, since: datetime) -> set[tuple[str, str]]:
    """Challengers and the events that they were asked of from `since` on."""
    wanted = (
        select(ForecastRow.forecaster, ForecastRow.event_ticker)
        .where(ForecastRow.trading_mode == mode, ForecastRow.as_of >= since, ~ForecastRow.is_live)
        .distinct()
    )
    return {(forecaster, event) for forecaster, event in session.execute(wanted)}


def evidence_of(
    session: Session, mode: TradingMode, forecaster: str, version: str, parameters_hash: str
) -> Evidence | None:
    """The evidence of exactly that forecaster in that mode; None before its first scored day."""
    row = session.get(ForecastEvidence, (mode, forecaster, version, parameters_hash))
    return None if row is None else Evidence(forecaster, version, parameters_hash, row.standing, row.days)


def live_forecaster(session: Session, mode: TradingMode) -> tuple[str, str, str] | None:
    """Name, version and hash of the parameters of the forecaster that was live last; None before its first forecast."""
    row = ForecastRow
    wanted = (
        select(row.forecaster, row.version, row.parameters_hash)
        .where(row.trading_mode == mode, row.is_live, row.version.is_not(None), row.parameters_hash.is_not(None))
        .order_by(row.climate_day.desc(), row.as_of.desc())
        .limit(1)
    )
    found = session.execute(wanted).one_or_none()
    return None if found is None else (found.forecaster, str(found.version), str(found.parameters_hash))
