"""A wire between trader and exchange that can be cut: every connection is reset, and so is every new one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from tests.patience import PATIENCE


class Cut(StrEnum):
    """Where the wire is cut."""

    NOWHERE = "nowhere"
    BEFORE = "before"
    """No byte gets through any more."""
    AFTER = "after"
    """What the trader says still arrives; no answer comes back."""


class Proxy:
    """Passes bytes on to one port of this machine. `cut` may be set from any thread."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._cut = Cut.NOWHERE
        self._open: set[asyncio.StreamWriter] = set()
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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut is Cut.BEFORE:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, back}
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer, answers=True))
        except OSError:
            writer.transport.abort()
            back.transport.abort()
        finally:
            self._open -= {writer, back}
            for end in (writer, back):
                end.close()

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
def proxy_before(port: int) -> Iterator[Proxy]:
    """A proxy before that port, whole at first."""
    proxy, ready = Proxy(port), threading.Event()
    thread = threading.Thread(target=proxy.run, args=(ready,))
    thread.start()
    ready.wait(PATIENCE)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(PATIENCE)
