"""Walking the real loop along a virtual clock: how a history comes to be without a made-up row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from milkbot.analytics.rollups import run_rollups
from milkbot.settings import Settings
from milkbot.simulator.virtual_clock import SimulatorClock
from milkbot.trader.clients import open_trading_loop


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a walk stands: the virtual time, ticks done, ticks in all."""

    now: datetime
    done: int
    total: int


def walk(
    settings: Settings,
    engine: Engine,
    clock: SimulatorClock,
    step_minutes: int,
    moved: Callable[[Walk], None],
    each_day: Callable[[datetime], None] | None = None,
) -> int:
    """Tick every `step_minutes` of the virtual clock up to its end, or to now where it has none; returns the ticks.

    Rollups run once a virtual day, as their timer would, and `each_day` is called then. Raises what a tick raises: a
    history with a hole is none.
    """
    step = timedelta(minutes=step_minutes)
    done = 0
    with open_trading_loop(settings, engine, clock) as loop:
        now, end = clock.now(), clock.ends_at() or datetime.now(UTC)
        total = 1 + max(0, -(-(end - now) // step))
        rolled = now.date()
        while True:
            loop.run_once()
            done += 1
            moved(Walk(now, done, total))
            if now.date() != rolled:
                rolled = now.date()
                run_rollups(engine, bankroll=settings.bankroll)
                if each_day is not None:
                    each_day(now)
            if now >= end:
                break
            # A tick may have let the virtual clock run while it waited for the rate limit.
            now = min(max(now + step, clock.now()), max(end, clock.now()))
            clock.advance_to(now)
        run_rollups(engine, bankroll=settings.bankroll)
    return done
