"""Visitors who never stop asking: what a deploy must not be noticed by."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from tests.deploy.platform import CONNECTIONS_PER_ADDRESS

_PATIENCE = 60.0
_RATE = 60.0
# They come from one address, with the pages that a test has open. Without a limit a pause of some seconds on a slow
# machine would reach what nginx grants an address, and be answered with 429.
_UNANSWERED = CONNECTIONS_PER_ADDRESS * 3 // 5


class Answer(NamedTuple):
    """What came of one request: when it was sent by this machine's monotonic clock, and in words what was not a 200."""

    sent: float
    seconds: float
    path: str
    failure: str = ""
    release: str = ""
    # The server closed the connection before the answer.
    closed: bool = False


@dataclass(slots=True)
class Answers:
    """What came back, in that order."""

    every: list[Answer] = field(default_factory=list)

    @property
    def seconds(self) -> list[tuple[float, str]]:
        """The seconds and the path of each."""
        return [(answer.seconds, answer.path) for answer in self.every]

    @property
    def failures(self) -> list[str]:
        return [f"{answer.path}: {answer.failure}" for answer in self.every if answer.failure]

    @property
    def releases(self) -> list[str]:
        """Who answered, where the answer says it."""
        return [answer.release for answer in self.every if answer.release]


@contextmanager
def in_background(work: Callable[[], Coroutine[Any, Any, None]]) -> Iterator[None]:
    """Run it in a thread of its own, and cancel it at the end; what went wrong in it is raised there."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def until_stopped() -> None:
        stop = asyncio.Event()
        begun.set_result((asyncio.get_running_loop(), stop))
        working, stopping = asyncio.create_task(work()), asyncio.create_task(stop.wait())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(asyncio.run, until_stopped())
        loop, stop = begun.result()
        try:
            yield
        finally:
            with suppress(RuntimeError):  # It may have ended by itself.
                loop.call_soon_threadsafe(stop.set)
            running.result()


async def _ask(client: httpx2.AsyncClient, address: str, domain: str, path: str) -> Answer:
    sent, failure, release, closed = time.monotonic(), "", "", False
    try:
        answer = await client.get(
            f"https://{address}{path}", headers={"Host": domain}, extensions={"sni_hostname": domain}
        )
    except httpx2.HTTPError as error:
        failure = repr(error)
        closed = isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.WriteError)
    else:
        if answer.status_code != 200:
            failure = f"{answer.status_code} {answer.text[:200]}"
        elif path == "/health":
            release = answer.json()["release"]
    return Answer(sent, time.monotonic() - sent, path, failure, release, closed)


@contextmanager
def asking(
    address: str, domain: str, authority: Path, *, rate: float = _RATE, again: bool = False
) -> Iterator[Answers]:
    """Ask for the API's health and a file of the dashboard, in turn, on connections kept alive and on new ones.

    So many times a second, whether what was asked before was answered or not: a pause is not asked less of than the
    rest of the time, until as many are unanswered as one visitor's address may have. With `again`, what a kept
    connection was closed over is asked once more, as browsers do, in the time of the first asking: a server may close
    one that is idle at any time, and crosses what is on its way (RFC 9112, 9.5).
    """
    answers = Answers()
    context = ssl.create_default_context(cafile=str(authority))

    def client() -> httpx2.AsyncClient:
        return httpx2.AsyncClient(verify=context, timeout=_PATIENCE)

    async def visit(kept: httpx2.AsyncClient, path: str, *, fresh: bool) -> None:
        if fresh:
            async with client() as new:
                answers.every.append(await _ask(new, address, domain, path))
        else:
            answer = await _ask(kept, address, domain, path)
            if again and answer.closed:
                begun = answer.sent
                answer = await _ask(kept, address, domain, path)
                answer = answer._replace(sent=begun, seconds=answer.sent + answer.seconds - begun)
            answers.every.append(answer)

    async def keep_asking() -> None:
        visits: set[asyncio.Task[None]] = set()
        async with client() as kept:
            try:
                due = time.monotonic()
                for path, fresh in cycle([("/health", False), ("/health", True), ("/favicon.png", False)]):
                    for ended in {visit for visit in visits if visit.done()}:
                        ended.result()
                        visits.remove(ended)
                    if len(visits) < _UNANSWERED:
                        visits.add(asyncio.create_task(visit(kept, path, fresh=fresh)))
                    due += 1 / rate
                    await asyncio.sleep(due - time.monotonic())
            finally:
                # What was asked is waited for: it may be the one that fails.
                await asyncio.gather(*visits)

    with in_background(keep_asking):
        yield answers
