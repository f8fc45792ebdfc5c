"""Answers that are computed once in a few seconds however many ask, and not sent to who has them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from anyio import to_thread
from fastapi import Request, Response

from milkbot.serving import etag_matches


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    body: bytes = b""
    etag: str = ""
    expires: float = 0.0


class AnswerCache:
    """Bodies by key, kept for some seconds; the least recently asked for go when there are too many."""

    def __init__(self, seconds: int, capacity: int = 256, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def answer(self, request: Request, key: str, compute: Callable[[], bytes], media_type: str) -> Response:
        """The answer with its ETag, or 304 when the request names that. `compute` runs in a thread, once at a time."""
        entry = self._entry(key)
        async with entry.lock:
            if self._clock() >= entry.expires:
                entry.body = await to_thread.run_sync(compute)
                entry.etag = f'"{hashlib.sha256(entry.body).hexdigest()[:32]}"'
                entry.expires = self._clock() + self._seconds
        headers = {"ETag": entry.etag, "Cache-Control": f"public, max-age={self._seconds}"}
        if etag_matches(request.headers.get("If-None-Match", ""), entry.etag):
            return Response(status_code=304, headers=headers)
        return Response(entry.body, media_type=media_type, headers=headers)

    def _entry(self, key: str) -> _Entry:
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
        return entry
