"""What rollups and API cost as a ledger grows: python -m tests.bench.analytics.bench [FILLS...]

For each size it makes a ledger, rebuilds its rollups, runs them after one more fill, and reads every endpoint that the
API's own description names, from 16 connections, with the cache and without. Prints tables in Markdown, and draws the
growth into docs/images/growth.svg. Ten million fills need some 12 GB below /tmp.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2
from sqlalchemy import create_engine
from tests.bench.analytics import growth, ledger
from tests.bench.analytics.load import Figures, measure
from tests.postgres import Cluster, TestDatabase, running_cluster

from milkbot.analytics.rebuild import STATEMENT_SECONDS, rebuild
from milkbot.analytics.rollups import run_rollups
from milkbot.db.scratch import address
from milkbot.db.session import make_engine

ROOT: Final = Path(__file__).resolve().parents[3]
PLOT: Final = ROOT / "docs/images/growth.svg"
SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
RUNS: Final = 15
SECONDS: Final = 6.0
SECONDS_OF_SMALLER: Final = 2.0
"""What is read of any but the largest ledger is for the plot alone."""
WARM_SECONDS: Final = 1.0
UVICORN: Final = Path(sys.executable).with_name("uvicorn")
BANKROLL: Final = Decimal(1000)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What was measured of an endpoint: its figures, and milliseconds of the processor for one answer, of the API's
    process, of the database's, and of the readers'.
    """

    figures: Figures
    server_ms: float
    database_ms: float
    client_ms: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the clock, and of the processor: ours and the database's."""

    clock: float
    processor: float


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured of one ledger: seconds to make it, of a rebuild, of a run after one fill, and its endpoints."""

    fills: int
    made: float
    rebuilt: Cost
    after_one_fill: Cost
    cached: dict[str, Endpoint]
    uncached: dict[str, Endpoint]


def measure_size(cluster: Cluster, fills: int, seconds: float) -> Size:
    """One ledger, dropped afterwards."""
    with cluster.database() as database:
        admin = create_engine(address(database.socket_directory, database.name, "postgres").url())
        began = time.monotonic()
        stored = ledger.make(admin, fills)
        made = time.monotonic() - began
        rebuilt = _rebuild(database)
        runs = [_after_one_fill(database, number) for number in range(RUNS)]
        # A tick of the processor's clock is as long as a part of a run.
        after_one_fill = Cost(
            statistics.median(run.clock for run in runs), statistics.mean(run.processor for run in runs)
        )
        ledger.add_forecasts(admin)
        admin.dispose()
        return measure_api(database, Size(stored, made, rebuilt, after_one_fill, {}, {}), seconds)


def measure_api(database: TestDatabase, size: Size, seconds: float) -> Size:
    """The same with the figures of the API."""
    cached = read_api(database, "milkbot.analytics.api:app", vary=False, seconds=seconds)
    uncached = read_api(database, "tests.bench.analytics.uncached:app", vary=True, seconds=seconds)
    return replace(size, cached=cached, uncached=uncached)


def _rebuild(database: TestDatabase) -> Cost:
    """Seconds of a whole rebuild."""
    engine = make_engine(
        database.address("milkbot_rollups"), application="bench", statement_timeout_ms=STATEMENT_SECONDS * 1000
    )
    cost = _Measured(database)
    rebuild(engine, bankroll=BANKROLL)
    # The connection's process ends with it, and is counted while it is there.
    found = cost.so_far()
    engine.dispose()
    return found


def _after_one_fill(database: TestDatabase, number: int) -> Cost:
    """Seconds of a run on a connection that is there."""
    ledger.one_fill(database.engine(), number)
    engine = database.engine("milkbot_rollups")
    engine.connect().close()
    cost = _Measured(database)
    run_rollups(engine, bankroll=BANKROLL)
    return cost.so_far()


def read_api(database: TestDatabase, module: str, *, vary: bool, seconds: float) -> dict[str, Endpoint]:
    """The figures of every endpoint."""
    with _serving(database, module) as (port, server):
        described: dict[str, Any] = httpx2.get(f"http://127.0.0.1:{port}/v1/openapi.json", timeout=60).json()["paths"]
        found: dict[str, Endpoint] = {}
        for path, of in described.items():
            ask = partial(measure, port, path, of["get"].get("parameters", []), vary=vary)
            # Each connection plans its statements first.
            asyncio.run(ask(seconds=WARM_SECONDS))
            began = _processor(server), _processor_of_server(database), time.process_time()
            figures = asyncio.run(ask(seconds=seconds))
            ended = _processor(server), _processor_of_server(database), time.process_time()
            ms = [1000 * (after - before) / figures.answers for before, after in zip(began, ended, strict=True)]
            found[path] = Endpoint(figures, *ms)
        return found


class _Measured:
    """What is done from now on costs."""

    def __init__(self, database: TestDatabase) -> None:
        self._database = database
        self._began = time.perf_counter()
        self._processor = self._used()

    def so_far(self) -> Cost:
        return Cost(time.perf_counter() - self._began, self._used() - self._processor)

    def _used(self) -> float:
        return time.process_time() + _processor_of_server(self._database)


def _processor(process: int) -> float:
    """The seconds of the processor that a process used."""
    return sum(_times(process)[:2])


def _processor_of_server(database: TestDatabase) -> float:
    """The seconds that all processes of the database's server used, those that ended included."""
    postmaster = int((database.socket_directory / "data/postmaster.pid").read_text().split()[0])
    children = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return _times(postmaster)[2] + sum(_processor(child) for child in children if _parent(child) == postmaster)


def _times(process: int) -> tuple[float, float, float]:
    """Seconds in user mode, in the kernel, and of children that were waited for; zero for one that is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0, 0.0
    user, system, *waited = (int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in fields[11:15])
    return user, system, sum(waited)


def _parent(process: int) -> int | None:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


@contextmanager
def _serving(database: TestDatabase, module: str) -> Iterator[tuple[int, int]]:
    """The API as systemd starts it, one process: its port and its process id."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'app'}",
        "LOG_FILE": "/dev/null",
        **database.environment("milkbot_api"),
    }
    port = 18_000 + os.getpid() % 1000
    command = [str(UVICORN), "--port", str(port), "--no-access-log", "--log-level", "warning", module]
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port)
            yield port, process.pid
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    while True:
        try:
            httpx2.get(f"http://127.0.0.1:{port}/v1/health", timeout=10)
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return


def print_tables(sizes: list[Size]) -> None:
    print(
        "| fills | ledger made, s | full rebuild, s | its processor, s | run after one fill, ms | its processor, ms |"
    )
    print("|---:|---:|---:|---:|---:|---:|")
    for size in sizes:
        rebuilt, run = size.rebuilt, size.after_one_fill
        print(
            f"| {size.fills} | {size.made:.0f} | {rebuilt.clock:.1f} | {rebuilt.processor:.1f} | "
            f"{run.clock * 1000:.1f} | {run.processor * 1000:.1f} |"
        )
    largest = sizes[-1]
    print(f"\nAt {largest.fills} fills, 16 connections, milliseconds:\n")
    print(
        "| endpoint | cached p50 | p99 | not cached p50 | p99 | a second | kB | failed | API, ms | database, ms "
        "| client, ms |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for path, of in largest.cached.items():
        cached, endpoint = of.figures, largest.uncached[path]
        other = endpoint.figures
        print(
            f"| `{path}` | {cached.p50:.1f} | {cached.p99:.1f} | {other.p50:.1f} | {other.p99:.1f} | "
            f"{other.a_second:.0f} | {other.kilobytes:.1f} | {cached.failed + other.failed} | "
            f"{endpoint.server_ms:.2f} | {endpoint.database_ms:.2f} | {endpoint.client_ms:.2f} |"
        )
    print(f"\nLoad: {os.getloadavg()[0]:.0f}")
    sys.stdout.flush()


def plot(sizes: list[Size]) -> str:
    """The growth of what takes longest of each kind."""
    return growth.draw(
        [size.fills for size in sizes],
        {
            "full rebuild": [size.rebuilt.clock for size in sizes],
            "rollups after one fill": [size.after_one_fill.clock for size in sizes],
            "slowest endpoint, p99": [_slowest(size.uncached) for size in sizes],
            "slowest endpoint, cached, p99": [_slowest(size.cached) for size in sizes],
        },
    )


def _slowest(endpoints: dict[str, Endpoint]) -> float:
    return max(of.figures.p99 for of in endpoints.values()) / 1000


def main(sizes: list[int]) -> None:
    found: list[Size] = []
    with running_cluster() as cluster:
        for fills in sizes:
            found.append(measure_size(cluster, fills, SECONDS if fills == max(sizes) else SECONDS_OF_SMALLER))
            print_tables(found)
    if len(found) > 1:
        PLOT.write_text(plot(found), encoding="utf-8")


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or list(SIZES))
