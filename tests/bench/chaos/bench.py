"""Many more histories than a test run has time for: python -m tests.bench.chaos.bench [EXAMPLES] [--seed N] ...

Each worker has a server, a database and an exchange of its own and runs the state machine of tests/property in batches,
each from a seed of its own; after each example all faults are mended and the books must agree with the exchange. Prints
what happened in all of them together, and for each batch that found something its seed and the history. Leaves with 1
if anything was found.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import structlog
from tests.postgres import running_cluster
from tests.property.floor import open_floor
from tests.property.running import run_examples

BATCH = 25


@dataclass(frozen=True, slots=True)
class Result:
    """What one worker saw: events by name, and for each seed that found something, what it was."""

    tally: Counter[str]
    found: dict[int, str]
    seconds: float


def work(seeds: range) -> Result:
    """Run a batch of examples from each seed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    found: dict[int, str] = {}
    began = time.process_time()
    with running_cluster() as cluster, open_floor(cluster) as floor:
        for seed in seeds:
            try:
                run_examples(floor, BATCH, shrink=False, from_seed=seed)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other seeds go on and the end tells it
                found[seed] = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
                print(f"seed {seed}: {found[seed]}", flush=True)
            print(f"seed {seed}: {floor.tally['examples']} examples, {floor.tally['ticks']} ticks", flush=True)
        return Result(floor.tally, found, time.process_time() - began)


def main() -> int:
    """Run the workers side by side; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="the first batch's seed")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    batches = -(-asked.examples // BATCH)
    shares = [range(asked.seed + number, asked.seed + batches, asked.workers) for number in range(asked.workers)]
    began = time.monotonic()
    with ProcessPoolExecutor(asked.workers) as pool:
        results = list(pool.map(work, shares))
    tally = sum((result.tally for result in results), Counter())
    for name, count in sorted(tally.items()):
        print(f"| {name} | {count} |")
    own = sum(result.seconds for result in results)
    print(f"{time.monotonic() - began:.0f} s, {own:.0f} s of the processor without the database's")
    found = {seed: what for result in results for seed, what in result.found.items()}
    print(f"batches that found something: {sorted(found) or 'none'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
