"""Stand-ins for what the platform takes as an argument: the time, and a server's replies."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2

NOON = datetime(2026, 7, 18, 12, 0, tzinfo=UTC)

Answer = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


class FakeClock:
    """Stands still until someone sleeps."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)

    def uptime(self) -> float:
        return self.time.timestamp()


class Unhurried:
    """The time of another clock, which waiting does not move: a run takes none of it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now

    def sleep(self, seconds: float) -> None:
        """Nothing passes."""

    def uptime(self) -> float:
        return self.now().timestamp()


class ScriptedServer:
    """Gives the answers in their order and keeps the requests. An exception is raised in place of a reply."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._answer)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else answer(request)


def reply(body: object, status: int = 200, headers: dict[str, str] | None = None) -> httpx2.Response:
    """A JSON reply."""
    return httpx2.Response(status, content=json.dumps(body).encode(), headers=headers or {})
