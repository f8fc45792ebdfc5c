"""Visitors of the pages: many at once, each until it has its page."""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

EXPLORER = "explore"
PATIENCE = 60.0
Visit = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of so many visitors: the seconds of those that got a page."""

    visitors: int
    seconds: tuple[float, ...]

    @property
    def without(self) -> int:
        """How many got none within a minute."""
        return self.visitors - len(self.seconds)

    def quantile(self, percent: int) -> float:
        """Seconds within which that share of those that got a page had it; not a number for less than two."""
        if len(self.seconds) < 2:
            return math.nan
        return statistics.quantiles(self.seconds, n=100)[percent - 1]


async def read_page(url: str, path: str = "/") -> None:
    """One page over a new connection, compressed."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        await _ask(reader, writer, path)
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, etag: str = "") -> str:
    """Read a page, or that it is what it was; returns its ETag."""
    condition = f"If-None-Match: {etag}\r\n" if etag else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: gzip\r\n{condition}\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.split("\r\n")
    named = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if " 200 " not in status and " 304 " not in status:
        raise OSError(status)
    await reader.readexactly(int(named.get("content-length", 0)) if " 200 " in status else 0)
    return named.get("etag", "")


class Session(Protocol):
    """A page that is open in a browser, and is refreshed by itself every so many seconds."""

    every: float

    async def refresh(self) -> None:
        """What the browser does then, until the page is the new one."""

    async def close(self) -> None:
        """Leave."""


OpenOne = Callable[[], Coroutine[Any, Any, Session]]


class Reader:
    """An open page of the site: live.js asks for it again. Meanwhile the server ends the connection, which is idle."""

    every = 30.0

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)
        self._etag = ""

    @classmethod
    async def open(cls, url: str) -> Self:
        """A visitor of the overview."""
        opened = cls(url)
        await opened.refresh()
        return opened

    async def refresh(self) -> None:
        """The page, or that it is unchanged."""
        reader, writer = await asyncio.open_connection(self._place.hostname, self._place.port)
        try:
            self._etag = await _ask(reader, writer, "/", self._etag)
        finally:
            writer.close()

    async def close(self) -> None:
        """Leave: there is nothing to end."""


class Viewer:
    """An open page of Streamlit: its script reruns the fragment that asked for it."""

    every = 30.0

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._page = ""
        self._fragment = ""

    @classmethod
    async def open(cls, url: str, page: str = EXPLORER) -> Self:
        """A visitor, until Streamlit has run the page."""
        address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
        protocols = [Subprotocol("streamlit")]
        opened = cls(await connect(address, subprotocols=protocols, open_timeout=PATIENCE, max_size=None, proxy=None))
        await opened._run(ClientState(page_name=page))
        return opened

    async def refresh(self) -> None:
        """Another run of the fragment, and of the page where the fragment wants it."""
        await self._run(ClientState(page_script_hash=self._page, fragment_id=self._fragment, is_auto_rerun=True))

    async def close(self) -> None:
        """Leave."""
        await self._socket.close()

    async def _run(self, state: ClientState) -> None:
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())
        while True:
            message = ForwardMsg.FromString(await self._socket.recv(decode=False))
            if message.HasField("navigation"):
                # As a browser does: without it the fragment would begin the first page anew, and not its own.
                self._page = message.navigation.page_script_hash
            if message.HasField("auto_rerun"):
                self._fragment, self.every = message.auto_rerun.fragment_id, message.auto_rerun.interval
            if message.HasField("script_finished") and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return


async def visit_explorer(url: str, page: str = EXPLORER) -> None:
    """A visitor of a page of Streamlit, who leaves as soon as it is there."""
    await (await Viewer.open(url, page)).close()


async def open_all(open_one: OpenOne, sessions: int) -> list[Session]:
    """So many sessions, ten at a time."""
    opened: list[Session] = []
    for _ in range(sessions // 10):
        opened += await asyncio.gather(*(open_one() for _ in range(10)))
    return opened


async def hold(opened: Sequence[Session], seconds: float) -> Crowd:
    """Sessions that stay open, and end: the seconds of each refresh of theirs. One that fails is counted as without."""
    took: list[float] = []
    missed = 0
    end = time.monotonic() + seconds

    async def keep(session: Session, number: int) -> None:
        nonlocal missed
        await asyncio.sleep(session.every * number / len(opened))
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    await session.refresh()
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ConnectionClosed):
                missed += 1
                return
            took.append(time.monotonic() - begun)
            await asyncio.sleep(session.every)

    await asyncio.gather(*(keep(session, number) for number, session in enumerate(opened)))
    await asyncio.gather(*(session.close() for session in opened))
    return Crowd(len(took) + missed, tuple(took))


async def keep_asking(url: str, connections: int, seconds: float) -> float:
    """Pages a second of `/` in a closed loop of kept-alive connections."""
    place, end, count = urlsplit(url), time.monotonic() + seconds, 0

    async def ask() -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        while time.monotonic() < end:
            await _ask(reader, writer, "/")
            count += 1
        writer.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return count / seconds


async def keep_visiting(visit: Visit, at_once: int, seconds: float) -> float:
    """Visits a second in a closed loop."""
    end, count = time.monotonic() + seconds, 0

    async def repeat() -> None:
        nonlocal count
        while time.monotonic() < end:
            await visit()
            count += 1

    await asyncio.gather(*(repeat() for _ in range(at_once)))
    return count / seconds


async def crowd(visit: Visit, visitors: int, within: float) -> Crowd:
    """So many visitors, arriving at even distances within so many seconds."""

    async def arrive(number: int) -> float | None:
        await asyncio.sleep(number * within / visitors)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                await visit()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ConnectionClosed):
            return None
        return time.monotonic() - begun

    came = await asyncio.gather(*(arrive(number) for number in range(visitors)))
    return Crowd(visitors, tuple(seconds for seconds in came if seconds is not None))
