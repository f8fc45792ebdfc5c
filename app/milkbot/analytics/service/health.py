"""The platform's health, fast also when the database is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from milkbot.analytics.service.queries import read_status
from milkbot.analytics.service.schemas import Component, Components, Health, Status
from milkbot.errors import DatabaseUnavailableError
from milkbot.limits import limits_path, read_limits
from milkbot.release import release_id

_log = structlog.get_logger(__name__)
PROBE_SECONDS = 2.0
AT_ONCE: Final = 2


class Probe:
    """Checks the database on connections and threads of its own: who waits for a slow answer keeps neither from it."""

    def __init__(self, engine: Engine) -> None:
        """Connections like those of `engine`, at most AT_ONCE of them, also while none of them gets an answer."""
        self._engine: Final = create_engine(engine.url, pool=engine.pool.recreate())
        # Those of the event loop let the next one in when an answer is no longer waited for.
        self._threads: Final = ThreadPoolExecutor(AT_ONCE, "health")

    async def close(self) -> None:
        """Close the connections. One that waits for an answer is waited for: the statement's time is bounded."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        self._engine.dispose()

    async def check(self) -> Health:
        """Check the database, for two seconds at most. Never raises: without an answer all is down."""
        loop, started = asyncio.get_running_loop(), time.perf_counter()
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                row = await loop.run_in_executor(self._threads, read_status, self._engine)
                limits = await loop.run_in_executor(self._threads, read_limits, limits_path())
        except TimeoutError:
            return _down(f"no answer within {PROBE_SECONDS:g} seconds")
        except (DatabaseUnavailableError, SQLAlchemyError) as error:
            _log.error("health check failed", error=error)
            return _down("does not answer; is postgresql running, and is the schema migrated?")
        latency_ms = round((time.perf_counter() - started) * 1000, 1)
        components = Components(
            database=Component(status=Status.OK, latency_ms=latency_ms),
            trader=_by_age(row["last_tick_finished"], row["now"], _late(limits, "tick"), "milkbot-trader.timer"),
            rollups=_by_age(row["last_rollup"], row["now"], _late(limits, "rollup"), "milkbot-rollups.timer"),
        )
        late = Status.DEGRADED in {components.trader.status, components.rollups.status}
        return Health(
            status=Status.DEGRADED if late else Status.OK,
            release=release_id(),
            trading_state=row["trading_state"],
            components=components,
        )


def _late(limits: Mapping[str, float] | None, what: str) -> timedelta:
    """From when on it is late; never on a host whose roles wrote no table."""
    seconds = (limits or {}).get(f"{what}_late_seconds")
    return timedelta.max if seconds is None else timedelta(seconds=seconds)


def _by_age(last_seen: datetime | None, now: datetime, late: timedelta, timer: str) -> Component:
    if last_seen is None:
        return Component(status=Status.DEGRADED, detail=f"has not run yet; run: systemctl status {timer}")
    age = now - last_seen
    return Component(
        status=Status.DEGRADED if age > late else Status.OK,
        last_seen=last_seen,
        age_seconds=max(0, int(age.total_seconds())),
        detail=f"last finished more than {late // timedelta(minutes=1)} minutes ago; run: systemctl status {timer}"
        if age > late
        else None,
    )


def _down(detail: str) -> Health:
    unknown = Component(status=Status.DOWN, detail="unknown without the database")
    return Health(
        status=Status.DOWN,
        release=release_id(),
        trading_state=None,
        components=Components(database=Component(status=Status.DOWN, detail=detail), trader=unknown, rollups=unknown),
    )
