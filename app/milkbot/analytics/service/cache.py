"""Answers that are computed once in a few seconds however many ask, and not sent to who has them."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response

from milkbot.serving import etag_matches

THREADS: Final = 4


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    body: bytes = b""
    etag: str = ""
    ended: float = -math.inf
    expires: float = 0.0


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


class AnswerCache:
    """Bodies by key, kept for some seconds; the least recently asked for go when there are too many."""

    def __init__(self, seconds: int, capacity: int = 256, clock: Callable[[], float] = time.monotonic) -> None:
        self._limiter: CapacityLimiter | None = None
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    async def answer(self, request: Request, key: Hashable, compute: Callable[[], bytes], media_type: str) -> Response:
        """The answer of that key with its ETag, or 304 when the request names that. `compute` runs in a thread, once at
        a time.

        Who comes while it is computed is given that answer, also where none is kept.
        """
        entry, asked = self._entry(key), self._clock()
        async with entry.lock:
            if self._clock() >= entry.expires and entry.ended <= asked:
                entry.body = await to_thread.run_sync(compute, limiter=self._threads())
                entry.etag = _etag(entry.body)
                entry.ended = self._clock()
                entry.expires = entry.ended + self._seconds
        return self._response(request, entry.body, entry.etag, media_type)

    def _response(self, request: Request, body: bytes, etag: str, media_type: str) -> Response:
        headers = {"ETag": etag, "Cache-Control": f"public, max-age={self._seconds}"}
        if etag_matches(request.headers.get("If-None-Match", ""), etag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=media_type, headers=headers)

    def _entry(self, key: Hashable) -> _Entry:
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        # One that is being computed stays: who asks for it meanwhile would have it computed once more.
        spare = (name for name, old in self._entries.items() if old is not entry and not old.lock.locked())
        for name in list(islice(spare, max(0, len(self._entries) - self._capacity))):
            del self._entries[name]
        return entry

    def _threads(self) -> CapacityLimiter:
        """Its own few: more would only take the interpreter from each other, and wait for a connection."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(THREADS)
        return self._limiter
