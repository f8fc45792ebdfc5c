"""A wire from the trader to its exchange or its database that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.patience import PATIENCE

_SO_ATTACH_FILTER: Final = 26
_RETURN_NOTHING: Final = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
_DROP_ALL: Final = struct.pack("HL", 1, ctypes.addressof(_RETURN_NOTHING))
"""A filter of one instruction, which keeps no byte of any packet: so none is acknowledged."""


class Cut(StrEnum):
    """Where the wire is cut."""

    NOWHERE = "nowhere"
    BEFORE = "before"
    """No byte gets through any more."""
    AFTER = "after"
    """What the trader says still arrives; no answer comes back."""
    SILENTLY = "silently"
    """The other side vanishes: its kernel drops every packet of the connections that there are, and sends none."""


class Proxy:
    """Passes bytes on to one port of this machine, or to a Unix socket. `cut` may be set from any thread."""

    def __init__(self, target: int | Path) -> None:
        self._target = target
        self._cut = Cut.NOWHERE
        self._open: set[asyncio.StreamWriter] = set()
        self._trader: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self.port = 0

    def cut(self, where: Cut) -> None:
        """Cut the wire there, or repair it. Returns when it is done."""
        asyncio.run_coroutine_threadsafe(self._change(where), self._loop).result(10)

    async def _change(self, where: Cut) -> None:
        self._cut = where
        if where is Cut.BEFORE:
            for writer in self._open:
                writer.transport.abort()
        if where is Cut.SILENTLY:
            for writer in self._trader:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _DROP_ALL)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut is Cut.BEFORE:
            writer.transport.abort()
            return
        there, back = await self._connected()
        self._open |= {writer, back}
        self._trader.add(writer)
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer, answers=True))
        except OSError:
            writer.transport.abort()
            back.transport.abort()
        finally:
            self._open -= {writer, back}
            self._trader.discard(writer)
            for end in (writer, back):
                end.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool = False) -> None:
        while data := await source.read(65536):
            if answers and self._cut is Cut.AFTER:
                raise ConnectionResetError
            sink.write(data)
            await sink.drain()
        sink.close()

    def run(self, ready: threading.Event) -> None:
        """Serve until the loop is stopped."""
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.close()

    def stop(self) -> None:
        """End serving."""
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def proxy_before(target: int | Path) -> Iterator[Proxy]:
    """A proxy before that port or Unix socket, whole at first."""
    proxy, ready = Proxy(target), threading.Event()
    thread = threading.Thread(target=proxy.run, args=(ready,))
    thread.start()
    ready.wait(PATIENCE)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(PATIENCE)
