"""Visitors of the pages: many at once, each until it has its page."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

_EXPLORE = BackMsg(rerun_script=ClientState(page_name="explore")).SerializeToString()
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
        """Seconds within which that share of them had a page."""
        return statistics.quantiles(self.seconds, n=100)[percent - 1]


async def read_page(url: str, path: str = "/") -> None:
    """One page over a new connection, compressed."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        await _ask(reader, writer, path)
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: gzip\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    if " 200 " not in head.partition("\r\n")[0]:
        raise OSError(head.partition("\r\n")[0])
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    await reader.readexactly(length)


async def open_explorer(url: str) -> ClientConnection:
    """A visitor of the explorer, until Streamlit has run its page; the socket stays open."""
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    socket = await connect(
        address, subprotocols=[Subprotocol("streamlit")], open_timeout=PATIENCE, max_size=None, proxy=None
    )
    await socket.send(_EXPLORE)
    while not ForwardMsg.FromString(await socket.recv(decode=False)).HasField("script_finished"):
        pass
    return socket


async def visit_explorer(url: str) -> None:
    """The same, and it leaves."""
    await (await open_explorer(url)).close()


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
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return None
        return time.monotonic() - begun

    came = await asyncio.gather(*(arrive(number) for number in range(visitors)))
    return Crowd(visitors, tuple(seconds for seconds in came if seconds is not None))
