"""What a tick costs: python -m tests.bench.tick.bench [TICKS [MINUTES [NAME=value ...]]]

Runs ticks, so many minutes apart, over the highs and lows of all cities at a simulated exchange in another process and
on a database of its own, and prints for each: the requests, the tokens that they cost at the exchange, the statements,
and the seconds of processor time of the trader's own process. The table also has the seconds that the account's rate
limit (tier Basic) asks for the same requests, from a full bucket and from an empty one: no trader can be quicker.
"""

from __future__ import annotations

import logging
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from sqlalchemy import event, text
from tests.exchange import MONDAY, TRADER, Keys, environment, listening, make_keys
from tests.postgres import running_cluster

from milkbot.domain.cities import all_series
from milkbot.load_settings import load_settings
from milkbot.simulator.accounts import read_accounts
from milkbot.simulator.core import Simulator
from milkbot.simulator.server import server_of
from milkbot.simulator.sim_clock import ClockMode
from milkbot.simulator.store import Store
from milkbot.simulator.virtual_clock import SimulatorClock
from milkbot.simulator.world.simulated import SimulatedWorld
from milkbot.trader.trading_loop import TradingLoop
from milkbot.venue.client import KalshiClient
from milkbot.venue.rate_limits import BASIC_READ, BASIC_WRITE, CANCEL_COST, DEFAULT_COST
from milkbot.venue.signing import load_credentials
from milkbot.weather.client import WeatherClient

SERIES = [series.ticker for series in all_series()]
SEED = 7


def serve(port: Connection, directory: Path, keys: Keys) -> None:
    """The exchange, as a process of its own."""
    world = SimulatedWorld(SEED)
    simulator = Simulator.open(Store(directory), world, SEED, MONDAY, ClockMode.VIRTUAL)
    simulator.enroll(read_accounts(keys.accounts))
    listener = listening()
    port.send(listener.getsockname()[1])
    server_of(simulator).run(sockets=[listener])


HEADER = (
    "| requests | to the weather | read tokens | write tokens | orders | statements | own CPU, s | waited, s "
    "| floor, full | floor, empty |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """One tick."""

    requests: int
    weather_requests: int
    read_tokens: int
    write_tokens: int
    statements: int
    own_cpu: float
    waited: float
    orders: int

    def line(self) -> str:
        """Its row of the table."""
        return (
            f"| {self.requests} | {self.weather_requests} | {self.read_tokens} | {self.write_tokens} | {self.orders} "
            f"| {self.statements} | {self.own_cpu:.2f} | {self.waited:.1f} | {self.floor(full=True):.1f} "
            f"| {self.floor(full=False):.1f} |"
        )

    def floor(self, *, full: bool) -> float:
        """Seconds that the rate limit asks for: reads and writes have a bucket each, and may go side by side."""
        waits = []
        for tokens, limit in ((self.read_tokens, BASIC_READ), (self.write_tokens, BASIC_WRITE)):
            waits.append(max(0, tokens - (limit.capacity if full else 0)) / limit.refill_rate)
        return max(waits)


class Meter:
    """Counts what a process asks of the exchange and of its database."""

    def __init__(self) -> None:
        self.statements = 0
        self.calls: list[tuple[str, str]] = []

    def count(self, *_: Any) -> None:
        """One statement."""
        self.statements += 1

    def note(self, request: Any) -> None:
        """One request."""
        self.calls.append((request.method, request.url.path))

    def take(self) -> tuple[int, list[tuple[str, str]]]:
        """What was counted since the last time."""
        taken = self.statements, self.calls
        self.statements, self.calls = 0, []
        return taken


def own_cpu() -> float:
    """Seconds of processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(origin: str, keys: Keys, database: Any, ticks: int, minutes: int, more: dict[str, str]) -> Iterator[Cost]:
    """The cost of each of that many ticks, so many virtual minutes apart."""
    wanted = {"TRADING_SERIES": ",".join(SERIES), "WEATHER_CACHE_MIN": "5", **more}
    settings = load_settings(environment(origin, keys, database, **wanted))
    engine, meter = database.engine(TRADER), Meter()
    event.listen(engine, "before_cursor_execute", meter.count)
    clock = SimulatorClock(origin)
    credentials = load_credentials(str(settings.kalshi_api_key_id), Path(str(settings.kalshi_private_key_path)))
    hook = patch("httpx2.Client.send", _noting(meter))
    cache = tempfile.mkdtemp()
    with hook:
        for _ in range(ticks):
            clock.advance_to(clock.now() + timedelta(minutes=minutes))
            before, began = own_cpu(), clock.now()
            meter.take()
            venue = KalshiClient(settings.kalshi_api_base, credentials, clock)
            weather = WeatherClient(settings.nws_api_base, "bench", clock, 300, cache_directory=Path(cache))
            report = TradingLoop(settings, engine, venue, weather, clock).run_once()
            used, waited = own_cpu() - before, (clock.now() - began).total_seconds()
            venue.close()
            weather.close()
            statements, calls = meter.take()
            asked = [(method, path) for method, path in calls if path.startswith("/trade-api")]
            writes = [method for method, _ in asked if method != "GET"]
            yield Cost(
                len(asked),
                sum(path.startswith("/nws") for _, path in calls),
                DEFAULT_COST * (len(asked) - len(writes)),
                sum(CANCEL_COST if method == "DELETE" else DEFAULT_COST for method in writes),
                statements,
                used,
                waited,
                report.counts.orders.total(),
            )


def summary(database: Any) -> Iterator[str]:
    """How often highs and lows were decided, ordered, filled and settled, and of how many series."""
    series = "split_part(ticker, '-', 1)"
    with database.engine().connect() as connection:
        for table in ("signals", "orders", "fills", "settlements"):
            counted = f"{series} LIKE 'KXLOW%', count(*), count(DISTINCT {series})"
            for is_low, rows, number in connection.execute(text(f"SELECT {counted} FROM ops.{table} GROUP BY 1")):
                yield f"{table}, {'lows' if is_low else 'highs'}: {rows} of {number} series"


def _noting(meter: Meter) -> Any:
    import httpx2  # noqa: PLC0415 - only here, where its client is looked over the shoulder

    send = httpx2.Client.send

    def noting(client: Any, request: Any, **how: Any) -> Any:
        meter.note(request)
        return send(client, request, **how)

    return noting


def main(ticks: int, minutes: int, more: dict[str, str]) -> None:
    """Print the table, and what the ticks came to."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    directory = Path(tempfile.mkdtemp())
    keys = make_keys(directory)
    ours, theirs = multiprocessing.Pipe()
    exchange = multiprocessing.Process(target=serve, args=(theirs, directory / "exchange", keys), daemon=True)
    exchange.start()
    origin = f"http://127.0.0.1:{ours.recv()}"
    time.sleep(1)
    print(HEADER)
    with running_cluster() as cluster, cluster.database() as database:
        for cost in measured(origin, keys, database, ticks, minutes, more):
            print(cost.line(), flush=True)
        print(*summary(database), sep="\n")
    exchange.terminate()
    exchange.join()


if __name__ == "__main__":
    _, asked_ticks, asked_minutes, *settings_of_run = [*sys.argv, *("", "6", "1")[len(sys.argv) :]]
    main(int(asked_ticks), int(asked_minutes), dict(word.split("=", 1) for word in settings_of_run))
