"""Floods of one visitor's: python -m tests.deploy.flood KIND ADDRESS DOMAIN.

Prints `ready` once it is under way, and goes on until its standard input is closed. Then it prints, as JSON, how
often each answer came. Bounded: so many at once, and never more than a few minutes.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import ssl
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from milkbot.analytics.service.queries import MOST_ROWS

SOCKETS = 2000
_REQUESTS_AT_ONCE = 90
_UPLOADS_AT_ONCE = 90
_LONGEST = 600
# The one whose answer takes the database longest, each time another one so that nothing kept answers it.
DEAREST = "/api/v1/markets/recent?limit={rows}"
_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname, _CONTEXT.verify_mode = False, ssl.CERT_NONE
_PATIENCE = 60


class Flood:
    """One kind against one server."""

    def __init__(self, address: str, domain: str) -> None:
        self.address, self.domain = address, domain
        self.seen: Counter[str] = Counter()
        self.number = 0
        self.tried = asyncio.Event()

    async def sockets(self) -> None:
        """Open pages of the explorer that say nothing, each opened again when it is closed."""
        await asyncio.gather(*(self._again(self._socket) for _ in range(SOCKETS)))

    async def dearest(self) -> None:
        await asyncio.gather(*(self._again(self._request) for _ in range(_REQUESTS_AT_ONCE)))

    async def uploads(self) -> None:
        """Bodies to addresses that take none, as large as they are taken."""
        await asyncio.gather(*(self._again(self._upload) for _ in range(_UPLOADS_AT_ONCE)))

    async def _again(self, one: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await asyncio.wait_for(one(), _PATIENCE)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.seen[type(error).__name__] += 1
            self.tried.set()
            await asyncio.sleep(1)

    async def _socket(self) -> None:
        head = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        key = f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: https://{self.domain}\r\n"
        await self._ask("GET", "/_stcore/stream", head + key, stay=True)

    async def _request(self) -> None:
        self.number += 1
        await self._ask("GET", DEAREST.format(rows=1 + self.number % MOST_ROWS), "Connection: close\r\n")

    async def _upload(self) -> None:
        self.number += 1
        path = ("/_stcore/upload_file/a/b", "/explore", "/api/v1/health", "/nowhere", "/")[self.number % 5]
        size = 1_000_000 if self.number % 2 else 7_000
        await self._ask("POST", path, f"Content-Length: {size}\r\n", body=b"x" * (size - 1), stay=True)

    async def _ask(self, method: str, path: str, headers: str, *, body: bytes = b"", stay: bool = False) -> None:
        reader, writer = await asyncio.open_connection(self.address, 443, ssl=_CONTEXT, server_hostname=self.domain)
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self.domain}\r\n{headers}\r\n".encode())
            writer.write(body)
            status = (await reader.readline()).decode("latin-1").split(" ")
            self.seen[status[1] if len(status) > 1 else "closed"] += 1
            self.tried.set()
            while stay and await reader.read(65536):
                pass
        finally:
            writer.transport.abort()


async def _run(kind: str, address: str, domain: str) -> Counter[str]:
    flood = Flood(address, domain)
    flooding = asyncio.create_task(
        {"sockets": flood.sockets, "dearest": flood.dearest, "uploads": flood.uploads}[kind]()
    )
    await flood.tried.wait()
    print("ready", flush=True)
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(os.read, 0, 1), _LONGEST)
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)
    return flood.seen


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * SOCKETS), most))
    print(json.dumps(asyncio.run(_run(*sys.argv[1:4]))), flush=True)


if __name__ == "__main__":
    main()
