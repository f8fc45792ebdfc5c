"""Recorded days, traded through: the simulator serves them, and the loop trades them on a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from milkbot.history.own_platform import own_platform
from milkbot.history.walk import Walk, walk
from milkbot.simulator.replay.recording import SERIES
from milkbot.simulator.replay.span import is_recording, recorded_series

# A day's markets may be settled late in the next morning; the simulator says when its day is over.
_BALANCE = "992.10"


@dataclass(frozen=True, slots=True)
class ReplayedLedger:
    """The ledger that a replay leaves, still open to be asked."""

    engine: Engine
    ticks: int


@contextmanager
def replayed_day(
    data: Path,
    day: date,
    step_minutes: int,
    moved: Callable[[Walk], None],
    days: int = 1,
    forecaster: str | None = None,
    min_edge: str | None = None,
) -> Iterator[ReplayedLedger]:
    """Trade `day` of the recordings in `data`, and of the recorder's as many as `days` say.

    `forecaster` and `min_edge` (dollars a contract) are others than the defaults. Yields the ledger, which is gone
    after the block.
    """
    series = recorded_series(data, day) if is_recording(data) else (SERIES,)
    changed = {
        "TRADING_SERIES": ",".join(series or (SERIES,)),
        "BANKROLL": _BALANCE,
        # A ledger of its own has no evidence: each position would be one contract.
        "SIZE_BY_EVIDENCE": "false",
        **({"FORECASTER": forecaster} if forecaster else {}),
        **({"MIN_EDGE_AFTER_COSTS": min_edge} if min_edge else {}),
    }
    serve = ("--replay", str(data), "--day", day.isoformat(), "--days", str(days))
    with own_platform(serve, _BALANCE, changed) as own:
        ticks = walk(own.settings, own.engine, own.clock, step_minutes, moved)
        yield ReplayedLedger(own.engine, ticks)
