"""One answer for each page, whoever asks: one thread makes it anew after some seconds, all others get the old one."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from anyio import CapacityLimiter, to_thread

from milkbot.dashboard.api_client import AnalyticsApi, ApiUnavailableError
from milkbot.dashboard.notices import away
from milkbot.dashboard.site.drawing import version_of
from milkbot.dashboard.site.pages import Page, draw_missing, draw_nothing
from milkbot.domain.modes import TradingMode

_log = structlog.get_logger(__name__)
FRESH_SECONDS = 5.0
"""How long an answer is given without asking the API again."""
USABLE_SECONDS = 30.0
"""How old an answer may be that is given while it is made anew; whoever comes later waits for the new one."""
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A page as it is sent. `etag` is that of its content without times; `made_at` is when it was made."""

    status: int
    body: bytes
    zipped: bytes
    etag: str
    made_at: datetime


@dataclass(slots=True)
class _Entry:
    answer: Answer | None = None
    made: float = 0.0
    # What the API said last, and when.
    said: Any = None
    read_at: datetime | None = None
    renewing: asyncio.Task[Answer] | None = None


class PageAnswers:
    """The answers by page. The pages are values of bounded lists, so there are no more entries than these allow."""

    def __init__(
        self, api: Callable[[], AnalyticsApi], refresh: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._refresh = refresh
        self._clock = clock
        self._entries: dict[Page[Any], _Entry] = {}
        self._mode: TradingMode | None = None
        self._limiter: CapacityLimiter | None = None
        self._missing = _Entry()

    async def answer(self, page: Page[Any]) -> Answer:
        """The newest answer that is there, or the first one when it comes."""
        entry = self._entries.setdefault(page, _Entry())
        age = self._clock() - entry.made
        if entry.answer is not None and age < FRESH_SECONDS:
            return entry.answer
        if entry.renewing is None:
            entry.renewing = asyncio.create_task(self._renew(page, entry))
        if entry.answer is not None and age < USABLE_SECONDS:
            return entry.answer
        # A visitor who leaves does not end it for the others.
        return await asyncio.shield(entry.renewing)

    def missing(self) -> Answer:
        """The page that says that there is no such page: made as seldom as any other, whatever is asked for."""
        kept = self._missing
        if kept.answer is None or kept.said != self._mode or self._clock() - kept.made >= FRESH_SECONDS:
            kept.said, kept.made = self._mode, self._clock()
            kept.answer = _answer(404, draw_missing(self._mode, self._refresh), datetime.now(UTC))
        return kept.answer

    async def _renew(self, page: Page[Any], entry: _Entry) -> Answer:
        if self._limiter is None:
            self._limiter = CapacityLimiter(_THREADS)
        try:
            entry.answer = await to_thread.run_sync(self._make, page, entry, limiter=self._limiter)
            entry.made = self._clock()
            return entry.answer
        finally:
            entry.renewing = None

    def _make(self, page: Page[Any], entry: _Entry) -> Answer:
        now, gone = datetime.now(UTC), None
        try:
            entry.said = page.read(self._api())
            entry.read_at = now
            self._mode = getattr(entry.said, "mode", self._mode)
        except ApiUnavailableError as error:
            _log.warning("analytics API not reachable", error=error)
            gone = away(self._api(), entry.read_at)
            if entry.read_at is None:
                return _answer(503, draw_nothing(self._mode, self._refresh, gone), now)
        return _answer(200, page.draw(entry.said, now=now, away=gone, refresh=self._refresh), now)


def _answer(status: int, markup: str, made_at: datetime) -> Answer:
    body = markup.encode()
    digest = hashlib.sha256(version_of(markup).encode()).hexdigest()[:32]
    # A weak one: the compressed body is another one, and so are the times in it.
    return Answer(status, body, gzip.compress(body, compresslevel=6, mtime=0), f'W/"{digest}"', made_at)
