"""Floods of one visitor's: python -m tests.deploy.flood KIND ADDRESS DOMAIN.

Prints `ready` once it is under way, and goes on until its standard input is closed. Then it prints, as JSON, how
often each answer came, and of slow clients how many were connected (the median of each second). Bounded: so many at
once, and never more than a few minutes.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import ssl
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from tests.deploy.platform import DOMAIN, ROOT, Platform

from milkbot.analytics.service.queries import MOST_ROWS

SOCKETS = 2000
SLOW_CLIENTS = 2000
MANY_SLOW_CLIENTS = 1600
"""More than nginx as packaged holds on a machine with two cores: 768 connections of each worker."""
_REQUESTS_AT_ONCE = 90
_UPLOADS_AT_ONCE = 90
_LONGEST = 600
# The one whose answer takes the database longest, each time another one so that nothing kept answers it.
DEAREST = "/api/v1/markets/recent?limit={rows}"
_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname, _CONTEXT.verify_mode = False, ssl.CERT_NONE
_PATIENCE = 60
_DRIP_SECONDS = 3.0
# The beginning of a TLS record that holds a client's first message, and no more of it.
_HALF_HELLO = bytes.fromhex("16030100f5010000f10303")


@contextmanager
def flooding(platform: Platform, kind: str) -> Iterator[dict[str, int]]:
    """From an address of its own, as each address has its share; what came of it is there at the end."""
    program = [sys.executable, "-m", "tests.deploy.flood", kind, platform.address, DOMAIN]
    command = [str(ROOT / "tools/testrun/visitor.sh"), *program]
    seen: dict[str, int] = {}
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stdout.readline().strip() == "ready"
        try:
            yield seen
        finally:
            running.stdin.close()
            seen |= json.loads(running.stdout.readline())


class Flood:
    """One kind against one server."""

    def __init__(self, address: str, domain: str) -> None:
        self.address, self.domain = address, domain
        self.seen: Counter[str] = Counter()
        self.number = 0
        self.connected = 0
        self.tried = asyncio.Event()

    async def sockets(self) -> None:
        """Open pages of the explorer that say nothing, each opened again when it is closed."""
        await asyncio.gather(*(self._again(self._socket) for _ in range(SOCKETS)))

    async def dearest(self) -> None:
        await asyncio.gather(*(self._again(self._request) for _ in range(_REQUESTS_AT_ONCE)))

    async def uploads(self) -> None:
        """Bodies to addresses that take none, as large as they are taken."""
        await asyncio.gather(*(self._again(self._upload) for _ in range(_UPLOADS_AT_ONCE)))

    async def slow(self) -> None:
        """Clients of six kinds that hold their connections and never finish, each connected again when it is closed."""
        half_done = [self._half_headers, self._half_handshake] * 4
        kinds = [*half_done, self._idle, self._half_headers_by_tls, self._slow_body, self._slow_reader]
        each_second = []
        async with asyncio.TaskGroup() as clients:
            for number in range(SLOW_CLIENTS):
                clients.create_task(self._again(kinds[number % len(kinds)]))
                await asyncio.sleep(0.001)
            self.tried.set()
            while True:
                await asyncio.sleep(1)
                each_second.append(self.connected)
                self.seen["connected"] = round(statistics.median(each_second))

    async def _again(self, one: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                # Not wait_for: before Python 3.12 it loses a cancellation that comes as the call ends.
                async with asyncio.timeout(_PATIENCE):
                    await one()
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

    async def _half_headers(self) -> None:
        await self._hold(80, f"GET / HTTP/1.1\r\nHost: {self.domain}\r\nX-A: ".encode())

    async def _half_handshake(self) -> None:
        await self._hold(443, _HALF_HELLO)

    async def _idle(self) -> None:
        await self._hold(80, f"GET / HTTP/1.1\r\nHost: {self.domain}\r\n\r\n".encode())

    async def _half_headers_by_tls(self) -> None:
        await self._hold_by_tls("GET / HTTP/1.1\r\nX-A: ")

    async def _slow_body(self) -> None:
        head = f"GET /health HTTP/1.1\r\nHost: {self.domain}\r\nContent-Length: 9000\r\n\r\n"
        await self._hold_by_tls(head, drip=b"x")

    async def _slow_reader(self) -> None:
        await self._hold_by_tls(f"GET / HTTP/1.1\r\nHost: {self.domain}\r\n\r\n", reads=False)

    async def _hold(self, port: int, first: bytes) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as plain:
            plain.setblocking(False)
            await loop.sock_connect(plain, (self.address, port))
            with self._connected():
                await loop.sock_sendall(plain, first)
                while await loop.sock_recv(plain, 65536):
                    pass

    async def _hold_by_tls(self, first: str, *, drip: bytes = b"", reads: bool = True) -> None:
        reader, writer = await asyncio.open_connection(
            self.address, 443, ssl=_CONTEXT, server_hostname=self.domain, limit=1024
        )
        try:
            with self._connected():
                writer.write(first.encode())
                while not reader.at_eof():
                    if reads and not drip:
                        await reader.read(65536)
                    else:
                        await asyncio.sleep(_DRIP_SECONDS)
                        writer.write(drip)
                        await writer.drain()
        finally:
            writer.transport.abort()

    @contextmanager
    def _connected(self) -> Iterator[None]:
        self.connected += 1
        try:
            yield
        finally:
            self.connected -= 1


async def _run(kind: str, address: str, domain: str) -> Counter[str]:
    flood = Flood(address, domain)
    kinds = {"sockets": flood.sockets, "dearest": flood.dearest, "uploads": flood.uploads, "slow": flood.slow}
    running = asyncio.create_task(kinds[kind]())
    await flood.tried.wait()
    print("ready", flush=True)
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(os.read, 0, 1), _LONGEST)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return flood.seen


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * SOCKETS), most))
    print(json.dumps(asyncio.run(_run(*sys.argv[1:4]))), flush=True)


if __name__ == "__main__":
    main()
