"""Open dashboards: what a browser with Streamlit's page does with its websocket, and how long each was without one."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx2
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tests.deploy.load import in_background
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin, Subprotocol

# As Streamlit's page has them: it waits a little longer each time, with some chance, and checks whether the server
# answers before it opens a socket again.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0
_FIRST_PING_PAUSE = 0.1
_PATIENCE = 60.0
_RERUN = BackMsg(rerun_script=ClientState(page_name="explore")).SerializeToString()
_START_SECONDS = 600


class Return(NamedTuple):
    """One socket that was closed: when, by which code, and the seconds until its page was whole again."""

    closed: float
    code: int
    seconds: float


@dataclass(slots=True)
class Dashboards:
    """What happened to the sockets."""

    count: int
    returns: list[Return] = field(default_factory=list)
    # Number of a dashboard that has no whole page, and since when; at first none has one.
    away: dict[int, float] = field(default_factory=dict)

    def wait(self, seconds: float = _START_SECONDS) -> None:
        """Until all have their page. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while self.away:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(self.away)} of {self.count} dashboards have no page after {seconds} s")
            time.sleep(0.05)


@dataclass(slots=True)
class _Dashboard:
    """One browser."""

    number: int
    address: str
    domain: str
    context: ssl.SSLContext
    seen: Dashboards
    session: str = ""
    attempts: int = 0
    code: int = 0

    async def stay(self) -> None:
        """Open the page, and open it again whenever its socket is closed."""
        async with httpx2.AsyncClient(verify=self.context, timeout=_PATIENCE) as client:
            while True:
                await self._until_it_answers(client)
                await self._live()
                self.attempts += 1
                most = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (self.attempts - 1))
                await asyncio.sleep(random.uniform(most / 2, most))

    async def _until_it_answers(self, client: httpx2.AsyncClient) -> None:
        pause = _FIRST_PING_PAUSE
        while not all(await asyncio.gather(*(self._ping(client, name) for name in ("health", "host-config")))):
            await asyncio.sleep(random.uniform(0.7, 1) * pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    async def _ping(self, client: httpx2.AsyncClient, name: str) -> bool:
        url = f"https://{self.address}/_stcore/{name}"
        try:
            answer = await client.get(url, headers={"Host": self.domain}, extensions={"sni_hostname": self.domain})
        except httpx2.HTTPError:
            return False
        return answer.status_code == httpx2.codes.OK

    async def _live(self) -> None:
        """From one socket's opening to its end."""
        protocols = ["streamlit", "PLACEHOLDER_AUTH_TOKEN", *([self.session] if self.session else [])]
        try:
            async with connect(
                f"wss://{self.domain}/_stcore/stream",
                host=self.address,
                port=443,
                ssl=self.context,
                origin=Origin(f"https://{self.domain}"),
                subprotocols=[Subprotocol(name) for name in protocols],
                open_timeout=_PATIENCE,
                max_size=None,
                proxy=None,
            ) as socket:
                self.attempts = 0
                await socket.send(_RERUN)
                try:
                    while True:
                        self._hear(await socket.recv(decode=False))
                except ConnectionClosed as closed:
                    # Nothing at all came from the server: the browser would say 1006 too.
                    self._lose(closed.rcvd.code if closed.rcvd else 1006)
        except (InvalidHandshake, TimeoutError, OSError):
            # It was away already: only the next try counts.
            return

    def _hear(self, message: bytes) -> None:
        said = ForwardMsg.FromString(message)
        if said.HasField("new_session"):
            self.session = said.new_session.initialize.session_id
        elif said.HasField("script_finished"):
            since = self.seen.away.pop(self.number, None)
            if since is not None and self.code:
                self.seen.returns.append(Return(since, self.code, time.monotonic() - since))

    def _lose(self, code: int) -> None:
        # Lost again before the page was whole, it has been away since the first time.
        if self.number not in self.seen.away:
            self.seen.away[self.number] = time.monotonic()
            self.code = code


@contextmanager
def watching(address: str, domain: str, authority: Path, *, count: int) -> Iterator[Dashboards]:
    """So many open dashboards, each with its page."""
    context = ssl.create_default_context(cafile=str(authority))
    seen = Dashboards(count, away=dict.fromkeys(range(count), time.monotonic()))

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(_Dashboard(number, address, domain, context, seen).stay())

    with in_background(all_of_them):
        seen.wait()
        yield seen
