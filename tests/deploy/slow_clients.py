"""Clients that hold their connections and never finish: python -m tests.deploy.slow_clients ADDRESS DOMAIN.

2,000 of six kinds, for 20 seconds; one whose connection is closed opens another. Prints `ready` when nearly as many are
open (at most 20 seconds later `not ready`), and at the end, as JSON, how many were open at each second.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

COUNT = 2000
SECONDS = 20
_PAUSE = 0.5
_DRIP = 3.0
_KEPT = 0.95
_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname, _CONTEXT.verify_mode = False, ssl.CERT_NONE
# The beginning of a TLS record that holds a client's first message, and no more of it.
_HALF_HELLO = bytes.fromhex("16030100f5010000f10303")


@dataclass
class Crowd:
    """All slow clients, against one server."""

    address: str
    domain: str
    opened: int = 0
    each_second: list[int] = field(default_factory=list)

    async def half_headers(self) -> None:
        await self._hold(80, f"GET / HTTP/1.1\r\nHost: {self.domain}\r\nX-A: ")

    async def half_handshake(self) -> None:
        await self._hold(443, _HALF_HELLO)

    async def idle(self) -> None:
        await self._hold(80, f"GET / HTTP/1.1\r\nHost: {self.domain}\r\n\r\n")

    async def half_headers_by_tls(self) -> None:
        await self._hold_by_tls("GET / HTTP/1.1\r\nX-A: ")

    async def slow_body(self) -> None:
        await self._hold_by_tls("GET /health HTTP/1.1\r\nHost: $\r\nContent-Length: 9000\r\n\r\n", drip=b"x")

    async def slow_reader(self) -> None:
        await self._hold_by_tls("GET / HTTP/1.1\r\nHost: $\r\n\r\n", reads=False)

    async def _hold(self, port: int, first: str | bytes) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as plain:
            plain.setblocking(False)
            await loop.sock_connect(plain, (self.address, port))
            with self._open():
                await loop.sock_sendall(plain, first.encode() if isinstance(first, str) else first)
                while await loop.sock_recv(plain, 65536):
                    pass

    async def _hold_by_tls(self, first: str, *, drip: bytes = b"", reads: bool = True) -> None:
        reader, writer = await asyncio.open_connection(
            self.address, 443, ssl=_CONTEXT, server_hostname=self.domain, limit=1024
        )
        try:
            with self._open():
                writer.write(first.replace("$", self.domain).encode())
                while not reader.at_eof():
                    if reads and not drip:
                        await reader.read(65536)
                    else:
                        await asyncio.sleep(_DRIP)
                        writer.write(drip)
                        await writer.drain()
        finally:
            writer.transport.abort()

    @contextmanager
    def _open(self) -> Iterator[None]:
        self.opened += 1
        try:
            yield
        finally:
            self.opened -= 1

    async def _again_and_again(self, kind: Callable[[], Awaitable[None]]) -> None:
        while True:
            with suppress(OSError):
                await kind()
            await asyncio.sleep(_PAUSE)

    async def stay(self) -> None:
        """Until they have been open for `SECONDS`."""
        kinds = [self.half_headers, self.half_handshake] * 4
        kinds.append(self.idle)
        kinds += [self.half_headers_by_tls, self.slow_body, self.slow_reader]
        clients = []
        for number in range(COUNT):
            clients.append(asyncio.create_task(self._again_and_again(kinds[number % len(kinds)])))
            await asyncio.sleep(0.001)
        for _ in range(SECONDS):
            if self.opened >= _KEPT * COUNT:
                break
            await asyncio.sleep(1)
        print("ready" if self.opened >= _KEPT * COUNT else "not ready", flush=True)
        for _ in range(SECONDS):
            await asyncio.sleep(1)
            self.each_second.append(self.opened)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * COUNT), most))
    crowd = Crowd(address=sys.argv[1], domain=sys.argv[2])
    asyncio.run(crowd.stay())
    print(json.dumps(crowd.each_second), flush=True)


if __name__ == "__main__":
    main()
