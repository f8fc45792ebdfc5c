"""The row of a signal: what was decided of a market, by which snapshots, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from milkbot.domain.modes import TradingMode
from milkbot.trader.decide.proposals import Candidate
from milkbot.trader.decide.strategy import Action, Decision
from milkbot.trader.observe.observation import Observed
from milkbot.trader.observe.snapshots import SnapshotIds


def signal_row(
    mode: TradingMode, tick_id: int, snapshots: SnapshotIds, candidate: Candidate, strategy: str, now: datetime
) -> dict[str, Any]:
    """The columns of the candidate's signal."""
    decision, seen = candidate.decision, candidate.seen
    return {
        "trading_mode": mode,
        "tick_id": tick_id,
        "weather_snapshot_id": snapshots.weather[seen.event.ticker],
        "market_snapshot_id": snapshots.market[decision.ticker],
        "ticker": decision.ticker,
        "event_ticker": seen.event.ticker,
        "city_code": seen.city.code,
        "climate_day": seen.event.climate_day,
        "strategy_name": strategy,
        "decision": str(decision.action) if decision.action is Action.HOLD else f"{decision.action}_{decision.leg}",
        "p_yes": decision.p_yes,
        "edge": decision.edge,
        "price": decision.price,
        "count": decision.count,
        "reasons": _reasons(decision),
        "created_at": now,
    }


def _reasons(decision: Decision) -> dict[str, Any]:
    why: dict[str, Any] = {"codes": [str(reason) for reason in decision.reasons]}
    if decision.left_alone is not None:
        why |= {"refused": decision.left_alone.reason, "until": decision.left_alone.until.isoformat()}
    if decision.kelly is not None:
        why |= {"kelly": str(decision.kelly)}
    return why


def touched_buckets(mode: TradingMode, observed: Sequence[Observed], strategy: str) -> list[dict[str, Any]]:
    """The rollup buckets that count decisions."""
    days = sorted({seen.event.climate_day for seen in observed})
    return [{"trading_mode": mode, "bucket": "strategy", "key": strategy, "day": day} for day in days]
