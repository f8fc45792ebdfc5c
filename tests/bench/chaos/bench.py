"""Many more histories than a test run has time for: python -m tests.bench.chaos.bench [EXAMPLES] [--seed N] ...

Each worker has a server, a database and an exchange of its own and runs the state machine of tests/property in batches,
each from a seed of its own; after each example all faults end and the ledger must agree with the exchange. Tells
how far it is after each batch, and at once what a batch found, with its seed and the history; at the end what happened
in all of them together, also when it is interrupted. Leaves with 1 if anything was found, 2 if not all was run.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.util import Finalize

import structlog
from tests.postgres import running_cluster
from tests.property.floor import Floor, open_floor
from tests.property.running import run_examples

BATCH = 25
STOPS = (signal.SIGINT, signal.SIGTERM)

_floor: Floor
"""The worker's own, for all of its batches."""


@dataclass(slots=True)
class Result:
    """What batches saw: events by name, for each seed that found something what it was, processor seconds, how many."""

    tally: Counter[str] = field(default_factory=Counter)
    found: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    batches: int = 0

    def add(self, other: Result) -> None:
        """Take in what others saw."""
        self.tally += other.tally
        self.found |= other.found
        self.seconds += other.seconds
        self.batches += other.batches


def settle() -> None:
    """Give this worker its ground. Stopping is the parent's affair."""
    global _floor  # noqa: PLW0603 - a worker's initializer has no other place for what its tasks share
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    ground = ExitStack()
    _floor = ground.enter_context(open_floor(ground.enter_context(running_cluster())))
    Finalize(None, ground.close, exitpriority=0)  # a worker leaves without atexit


def work(seed: int) -> Result:
    """Run a batch of examples from a seed."""
    found: dict[int, str] = {}
    _floor.tally.clear()
    began = time.process_time()
    try:
        run_examples(_floor, BATCH, shrink=False, from_seed=seed)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other seeds go on, and the end reports it
        found[seed] = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    return Result(Counter(_floor.tally), found, time.process_time() - began, 1)


def results(seeds: range, workers: int) -> Iterator[Result]:
    """Each batch's, as it ends. SIGINT and SIGTERM let running batches end, and begin no other."""
    with ProcessPoolExecutor(workers, initializer=settle) as pool:
        batches = [pool.submit(work, seed) for seed in seeds]
        for number in STOPS:
            signal.signal(number, lambda *_: [batch.cancel() for batch in batches])
        for batch in as_completed(batches):
            if not batch.cancelled():
                yield batch.result()


def main() -> int:
    """Run the workers side by side; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="the first batch's seed")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    seeds = range(asked.seed, asked.seed + -(-asked.examples // BATCH))
    seen, began = Result(), time.monotonic()
    for result in results(seeds, asked.workers):
        seen.add(result)
        for seed, what in result.found.items():
            print(f"seed {seed}: {what}", flush=True)
        so_far = f"{seen.tally['examples']} examples, {seen.tally['ticks']} ticks, {len(seen.found)} batches found"
        print(f"{seen.batches} of {len(seeds)} batches: {so_far} something", flush=True)
    for name, count in sorted(seen.tally.items()):
        print(f"| {name} | {count} |")
    print(f"{time.monotonic() - began:.0f} s, {seen.seconds:.0f} s of the processor without the database's")
    print(f"batches that found something: {sorted(seen.found) or 'none'}")
    if seen.found:
        return 1
    return 0 if seen.batches == len(seeds) else 2


if __name__ == "__main__":
    sys.exit(main())
