"""Real ticks as processes, between a floor's exchange behind a wire that can be cut and its database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from tests.agreement import OURS, differences
from tests.exchange import child_environment, listening
from tests.integration.trader.proxy import Proxy, proxy_before
from tests.integration.trader.tick_server import CLOCK
from tests.patience import PATIENCE
from tests.property.floor import Floor

from milkbot import failpoints

ROOT = Path(__file__).resolve().parents[3]
PROVED_ABSENT = 61
WRITER = """
    SELECT DISTINCT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE locktype = 'advisory' AND datname = :name
"""
"""The session that holds the lock, in the database of that name."""


class TickServer:
    """Starts ticks, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.tick = 0
        """The process of the tick that runs, or that ran last."""

    def run(self, environment: dict[str, str], meanwhile: Callable[[], None] | None = None) -> int:
        """The exit code of a tick with that environment; `meanwhile` is called once it runs."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the tick server has no pipes")
        self._process.stdin.write(json.dumps(environment) + "\n")
        self._process.stdin.flush()
        self.tick = int(self._process.stdout.readline())
        if meanwhile is not None:
            meanwhile()
        return int(self._process.stdout.readline())


@dataclass(frozen=True, slots=True)
class Scene:
    """One floor for many ticks: `begin` makes it new, with a market in which the trader sees an edge."""

    floor: Floor
    ticks: TickServer
    proxy: Proxy
    exchange: str
    directory: Path

    def begin(self) -> None:
        """A new Monday with an edge in either city, so that the first tick sends several orders."""
        self.floor.reset()
        for code, degrees in (("NYC", 81), ("CHI", 79)):
            self.floor.world.forecasts[code].move(self.floor.now(), degrees)
        self.floor.sleep(1)

    def tick(
        self,
        failpoint: str | None = None,
        meanwhile: Callable[[], None] | None = None,
        server: TickServer | None = None,
        **more: str,
    ) -> int:
        """A tick through the proxy, of the scene's own trader or of another one; returns its exit code."""
        wanted = self.floor.environment(f"http://127.0.0.1:{self.proxy.port}") | {CLOCK: self.exchange} | more
        if failpoint is not None:
            wanted[failpoints.VARIABLE] = failpoint
        return (server or self.ticks).run(child_environment(**wanted), meanwhile)

    def tick_held_at(self, point: str, act: Callable[[], None], **more: str) -> int:
        """A tick that stands still at that point while `act` is done to the world around it."""
        file = self.directory / "held"

        def meanwhile() -> None:
            deadline = time.monotonic() + PATIENCE
            while not file.exists():
                if time.monotonic() > deadline:
                    raise AssertionError(f"the tick did not come to {point}")
                time.sleep(0.002)
            try:
                act()
            finally:
                file.unlink()

        return self.tick(f"{point}=wait:{file}", meanwhile, None, **more)

    def tick_stopped_at(self, point: str, act: Callable[[], None], **more: str) -> int:
        """A tick that SIGSTOP stops at that point, and SIGCONT continues when `act` is done."""

        def meanwhile() -> None:
            status = Path(f"/proc/{self.ticks.tick}/stat")
            deadline = time.monotonic() + PATIENCE
            while status.read_text("utf-8").rpartition(") ")[2][0] != "T":
                if time.monotonic() > deadline:
                    raise AssertionError(f"the tick did not come to {point}")
                time.sleep(0.002)
            try:
                act()
            finally:
                os.kill(self.ticks.tick, signal.SIGCONT)

        return self.tick(f"{point}=stop", meanwhile, None, **more)

    def points(self, **more: str) -> list[str]:
        """Every point that a tick of a new scene comes by, in order."""
        record = self.directory / "points"
        record.unlink(missing_ok=True)
        self.begin()
        if code := self.tick(None, None, None, **{failpoints.RECORD: str(record)}, **more):
            raise AssertionError(f"the tick that is recorded left with {code}")
        return record.read_text("utf-8").split()

    def converge(self) -> list[str]:
        """Two more ticks, and then everything that is wrong still."""
        codes = []
        for _ in range(2):
            self.floor.sleep(PROVED_ABSENT)
            codes.append(self.tick())
        failed = [f"a tick after it left with {code}" for code in codes if code]
        return [*failed, *differences(self.floor), *self._doubled()]

    def _doubled(self) -> list[str]:
        """Decisions of which two orders were accepted."""
        twice = """
            SELECT ticker, created_at, count(*) FROM ops.orders WHERE venue_order_id IS NOT NULL
            GROUP BY ticker, created_at HAVING count(*) > 1
        """
        return [f"{count} orders for {ticker} of {at}" for ticker, at, count in self.floor.rows(twice)]

    def accepted(self) -> int:
        """How many orders of the trader the exchange has."""
        orders = self.floor.simulator.state.orders.values()
        return sum(order.client_order_id.startswith(OURS) for order in orders)


@contextmanager
def tick_server(log: Path) -> Iterator[TickServer]:
    """The process that forks ticks; what they say goes to that file."""
    command = [sys.executable, "-m", "tests.integration.trader.tick_server"]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=child_environment(),
            cwd=ROOT,
        )
        try:
            yield TickServer(process)
        finally:
            process.communicate(timeout=PATIENCE)


@contextmanager
def scene_on(floor: Floor, ticks: TickServer, directory: Path) -> Iterator[Scene]:
    """Serve a floor's exchange over HTTP, and put the proxy before it."""
    listener = listening()
    port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(floor.app, log_config=None, access_log=False, date_header=False, server_header=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        with proxy_before(port) as proxy:
            yield Scene(floor, ticks, proxy, f"http://127.0.0.1:{port}", directory)
    finally:
        server.should_exit = True
        thread.join()
