"""What the explorer shows, drawn once for all visitors who have the same filters."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from milkbot.analytics.service.schemas import PlatformStatus
from milkbot.dashboard.api_client import AnalyticsApi, ApiUnavailableError
from milkbot.dashboard.curve import curve
from milkbot.dashboard.notices import away
from milkbot.dashboard.site.drawing import draw, version_of
from milkbot.dashboard.site.pages import status_values, trade_line
from milkbot.dashboard.snapshot import Snapshot, read_snapshot
from milkbot.dashboard.wording import city_name

USABLE_SECONDS = 60.0
"""How old a view may be that is given while another visitor's run draws the new one."""
SHOWN_TRADES = 100
NO_STATUS = PlatformStatus.model_validate(dict.fromkeys(PlatformStatus.model_fields) | {"delay_minutes": 60})
"""What is known of the platform before the API has ever answered."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a visitor chose; each is of a list."""

    span: str
    measure: str
    city: str


@dataclass(frozen=True, slots=True)
class View:
    """What to show for a filter: markup, the chart's specification (None without a result), and the version of both."""

    status: str
    trades: str
    chart: dict[str, Any] | None
    version: str


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    view: View | None = None
    made: float = 0.0
    said: Snapshot | None = None


class Views:
    """The views by filter. One visitor's run renews one, and the others get the old one meanwhile."""

    def __init__(
        self,
        api: Callable[[], AnalyticsApi],
        fresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._fresh = fresh_seconds
        self._clock = clock
        self._entries: dict[Filter, _Entry] = {}

    def view(self, chosen: Filter) -> View:
        """The newest view that is there, or the first one when it is drawn."""
        entry = self._entries.setdefault(chosen, _Entry())
        old, age = entry.view, self._clock() - entry.made
        if old is not None and age < self._fresh:
            return old
        if not entry.lock.acquire(blocking=old is None or age >= USABLE_SECONDS) and old is not None:
            return old
        try:
            if entry.view is None or self._clock() - entry.made >= self._fresh:
                entry.view = self._drawn(chosen, entry)
                entry.made = self._clock()
            return entry.view
        finally:
            entry.lock.release()

    def _drawn(self, chosen: Filter, entry: _Entry) -> View:
        now, gone = datetime.now(UTC), None
        try:
            entry.said = read_snapshot(self._api(), chosen.span, chosen.city or None, SHOWN_TRADES)
        except ApiUnavailableError as error:
            _log.warning("analytics API not reachable", error=error)
            gone = away(self._api(), entry.said.read_at if entry.said else None)
        said = entry.said
        status = draw(
            "explore_status",
            now=now,
            mode=said.mode if said else None,
            **status_values(said.status if said else NO_STATUS, gone, now),
        )
        trades = draw(
            "explore_trades",
            now=now,
            said=said is not None,
            trades=[trade_line(trade) for trade in said.trades] if said else [],
            where=f" in {city_name(chosen.city)}" if chosen.city else "",
        )
        points = said.equity.points if said else []
        chart = curve(points, chosen.measure) if points else None
        content = f"{version_of(status)}{trades}{chart}"
        return View(status, trades, chart, hashlib.sha256(content.encode()).hexdigest())
