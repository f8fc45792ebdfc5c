"""What a tick costs as the timer runs it: python -m tests.bench.tick.processes [PROCESSES]

Each is `milkbot tick` in a process of its own, its start included, over the highs and lows of all cities at a simulator
on the wall clock. It prints the seconds of processor time of the first one, for which nothing was kept, and least and
median of the later ones. They use the kept replies of the weather service, and find the statements to be compiled.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench.tick.bench import SERIES
from tests.exchange import TRADER, child_environment, environment, make_keys, simulator_process
from tests.postgres import running_cluster


def own_cpu(variables: Mapping[str, str]) -> float:
    """Seconds of processor time of one process. Raises RuntimeError with what it said when its tick failed."""
    command = [sys.executable, "-m", "milkbot.cli", "tick"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=child_environment(**variables), stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(said.read().decode())
    return used.ru_utime + used.ru_stime


def measured(processes: int) -> Iterator[float]:
    """The seconds of that many ticks, one after another."""
    directory = Path(tempfile.mkdtemp())
    keys = make_keys(directory)
    kept = {name: str(directory) for name in ("MILKBOT_CACHE_DIRECTORY", "MILKBOT_METRICS_DIRECTORY")}
    with simulator_process(directory, keys) as origin, running_cluster() as cluster, cluster.database() as database:
        more = {"TRADING_SERIES": ",".join(SERIES), "WEATHER_CACHE_MIN": "5", **kept}
        variables = environment(origin, keys, database, TRADER, **more)
        for _ in range(processes):
            yield own_cpu(variables)


if __name__ == "__main__":
    first, *later = measured(int(sys.argv[1]) if sys.argv[1:] else 10)
    print(f"first {first:.2f}, then least {min(later):.2f}, median {statistics.median(later):.2f} of {len(later)}")
