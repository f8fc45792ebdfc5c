"""One run of the rollups: only the buckets whose facts changed, from the facts, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from milkbot.analytics.daily_metrics import compute_buckets
from milkbot.analytics.equity import compute_equity
from milkbot.analytics.forecast_scores import score_new
from milkbot.analytics.hero import store_figures
from milkbot.analytics.markouts import record_markouts
from milkbot.analytics.touched import Bucket, Kind, take_touched
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode

# Any constant will do; two runs of the rollups must agree on it.
_ADVISORY_LOCK = 4_203_774_612
_COMPONENT = "rollups"
_HEALTH_KEPT = "7 days"


@dataclass(frozen=True, slots=True)
class RollupReport:
    """How many buckets of each kind were computed, how many markouts of fills were stored, and of how many events
    forecasts were scored.
    """

    cities: int = 0
    strategies: int = 0
    equity_days: int = 0
    markouts: int = 0
    scored_events: int = 0

    def __add__(self, other: RollupReport) -> RollupReport:
        return RollupReport(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def run_rollups(engine: Engine, *, bankroll: Decimal) -> RollupReport:
    """Compute the touched buckets. Running it again changes nothing; two runs wait for each other.

    Raises DatabaseUnavailableError.
    """
    with transaction(engine) as session:
        take_turn(session)
        report = _compute(session, take_touched(session), bankroll, record_markouts(session))
        scored = score_new(session, TradingMode)
        store_figures(session)
        copy_health(session)
    return replace(report, scored_events=scored)


def take_turn(session: Session) -> None:
    """Wait until this transaction is the only one that writes rollups; who waits longest comes first."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


def _compute(session: Session, buckets: list[Bucket], bankroll: Decimal, markouts: int) -> RollupReport:
    cities = [bucket for bucket in buckets if bucket.kind is Kind.CITY]
    strategies = [bucket for bucket in buckets if bucket.kind is Kind.STRATEGY]
    equity = [bucket for bucket in buckets if bucket.kind is Kind.EQUITY]
    compute_buckets(session, [*cities, *strategies])
    for mode, days in _by_mode(equity):
        compute_equity(session, mode, days, bankroll)
    return RollupReport(len(cities), len(strategies), len(equity), markouts)


def _by_mode(buckets: Iterable[Bucket]) -> Iterable[tuple[str, list[date]]]:
    for mode, group in groupby(buckets, key=lambda bucket: bucket.mode):
        yield mode, [bucket.day for bucket in group]


def copy_health(session: Session) -> None:
    """Store the components' words about themselves, without their messages: those may name what is private."""
    session.execute(
        text(
            "INSERT INTO analytics.health_metrics (component_name, recorded_at, status, latency_ms) "
            "SELECT component_name, last_check, status, latency_ms FROM ops.component_health ON CONFLICT DO NOTHING"
        )
    )
    session.execute(
        text(
            "INSERT INTO analytics.health_metrics (component_name, recorded_at, status) "
            "VALUES (:component, clock_timestamp(), 'ok')"
        ),
        {"component": _COMPONENT},
    )
    session.execute(
        text("DELETE FROM analytics.health_metrics WHERE recorded_at < now() - CAST(:kept AS interval)"),
        {"kept": _HEALTH_KEPT},
    )
