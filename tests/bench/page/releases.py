"""The pages and the API of an earlier release beside those of this checkout, in one run.

`python -m tests.bench.page.releases [--commit 508cbb1] [--fills 100000] [--seconds 8]`. The earlier release comes into
a worktree of its own, with the environment that its own lock file names. Each release makes a month of facts by its own
code, and then a ledger of so many fills. One after the other is measured by the same client, on loopback and without
nginx. Prints a table in Markdown. Some fifteen minutes on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright
from sqlalchemy import create_engine
from tests.bench.analytics import ledger
from tests.bench.analytics.load import measure
from tests.bench.page.bench import CROWDS, memory, processor_seconds, weigh
from tests.bench.page.visitors import (
    Crowd,
    OpenOne,
    Reader,
    Viewer,
    Visit,
    crowd,
    hold,
    keep_asking,
    keep_visiting,
    open_all,
    read_page,
    visit_explorer,
)
from tests.e2e.conftest import ARGUMENTS, CHROMIUM

from milkbot.db.scratch import address

ROOT: Final = Path(__file__).resolve().parents[3]
CONNECTIONS: Final = 6
SESSIONS: Final = 200
HELD_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 0.05
CHANGES_SECONDS: Final = 15.0
ASKED: Final[Mapping[str, tuple[str, Mapping[str, tuple[int, int]]]]] = {
    "equity, 1 to 3650 days": ("/v1/performance/equity", {"days": (1, 3650)}),
    "trades, 1 to 100 rows": ("/v1/trades/recent", {"limit": (1, 100)}),
    "hero": ("/v1/metrics/hero", {}),
}
"""What both releases answer, with the range of each parameter."""


@dataclass(slots=True)
class Release:
    """A release that runs."""

    program: subprocess.Popen[str]
    dashboard: str
    dashboard_pid: int
    api: str
    database: dict[str, str]

    def do(self, command: str) -> None:
        """Have it done, and wait for that."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(f"{command}\n")
        self.program.stdin.flush()
        if self.program.stdout.readline().strip() != "done":
            raise RuntimeError(f"{command!r} failed in the release on {self.api}")


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A worktree of a commit with the environment of its lock file."""
    with tempfile.TemporaryDirectory(prefix="milkbot-release-") as home:
        place = Path(home) / "tree"
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        run = partial(subprocess.run, check=True, env=environment)
        run(["git", "worktree", "add", "--quiet", "--detach", str(place), commit], cwd=ROOT)
        try:
            run([str(Path(sys.executable).with_name("uv")), "sync", "--quiet", "--locked", "--group", "dev"], cwd=place)
            yield place
        finally:
            run(["git", "worktree", "remove", "--force", str(place)], cwd=ROOT)


@contextmanager
def serving(tree: Path, *arguments: str) -> Iterator[Release]:
    """The release of that checkout."""
    python = tree / ".venv/bin/python"
    program = subprocess.Popen(
        [str(python), str(Path(__file__).with_name("served.py")), *arguments],
        cwd=tree,
        env={
            **{name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{tree / 'app'}:{tree / 'deployment/hostcheck'}:{tree}",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout is not None
        line = program.stdout.readline()
        if not line:
            sys.exit(f"the release in {tree} did not start")
        told = json.loads(line)
        try:
            yield Release(
                program, told["dashboard"]["url"], told["dashboard"]["pid"], told["api"]["url"], told["database"]
            )
        finally:
            assert program.stdin is not None
            program.stdin.close()
            program.wait(timeout=60)


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as it is measured: where it is, what shows that it is there, and its name in Streamlit, None without."""

    title: str
    path: str
    content: str
    streamlit: str | None

    def visit(self, url: str) -> Visit:
        """A visitor who leaves as soon as the page is there."""
        return partial(read_page, url) if self.streamlit is None else partial(visit_explorer, url, self.streamlit)

    def open(self, url: str) -> OpenOne:
        """A visitor who stays."""
        return partial(Reader.open, url) if self.streamlit is None else partial(Viewer.open, url, self.streamlit)


BEFORE: Final = (Shown("`/` of {commit}", "/", "[data-testid=figures]", ""),)
NOW: Final = (
    Shown("`/`", "/", "[data-testid=figures]", None),
    Shown("`/explore`", "/explore", "[data-testid=trades]", "explore"),
)


def measure_page(release: Release, shown: Shown, seconds: float) -> Iterator[tuple[str, str]]:
    """The rows of a page: what it is of, and the figures."""
    url, process = release.dashboard, release.dashboard_pid
    visit = shown.visit(url)
    asyncio.run(visit())
    # First: later the process has memory that others have left.
    with _trading(release):
        kilobytes, held = asyncio.run(_hold(process, shown.open(url)))
    yield f"memory of an open page ({SESSIONS} of them)", "none" if shown.streamlit is None else f"{kilobytes:.0f} kB"
    yield (
        f"{SESSIONS} open for {HELD_SECONDS:.0f} s, a trade each {CHANGES_SECONDS:.0f} s: refreshes, failed, p50, p95",
        f"{held.visitors}, {held.without}, {held.quantile(50):.2f} s, {held.quantile(95):.2f} s",
    )
    _settle(process)
    used = processor_seconds(process)
    if shown.streamlit is None:
        rate = asyncio.run(keep_asking(url, CONNECTIONS, seconds))
    else:
        rate = asyncio.run(keep_visiting(visit, CONNECTIONS, seconds))
    each = (processor_seconds(process) - used) / (rate * seconds)
    yield f"pages a second, closed loop of {CONNECTIONS}", f"{rate:.0f}" if rate > 50 else f"{rate:.1f}"
    yield "processor time of a page there", f"{1000 * each:.2f} ms"
    for visitors, within in CROWDS:
        seen = asyncio.run(crowd(visit, visitors, within))
        yield (
            f"{visitors} within {within} s: without a page, p50, p95",
            f"{seen.without}, {seen.quantile(50):.2f} s, {seen.quantile(95):.2f} s",
        )
    found = _weighed(url, shown)
    yield "bytes, requests of a first visit", f"{found['kB']:,.0f} kB, {found['requests']}"
    yield "at 1.6 Mbit/s and 150 ms: first paint, content", f"{found['paint']:.1f} s, {found['shown']:.1f} s"


def _settle(process: int) -> None:
    """Wait until a process has done what visitors who left had begun."""
    used = -1.0
    while processor_seconds(process) - used > IDLE_SECONDS:
        used = processor_seconds(process)
        time.sleep(1)


async def _hold(process: int, open_one: OpenOne) -> tuple[float, Crowd]:
    """Kilobytes of the server for each open page, and the refreshes."""
    before = memory(process)
    opened = await open_all(open_one, SESSIONS)
    grown = (memory(process) - before) / SESSIONS
    return grown, await hold(opened, HELD_SECONDS)


def _weighed(url: str, shown: Shown) -> dict[str, Any]:
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS)) as browser,
    ):
        return weigh(browser, url, shown.path, shown.content)


@contextmanager
def _trading(release: Release) -> Iterator[None]:
    """Meanwhile there is a new public trade every quarter of a minute."""
    ended = Event()

    def trade() -> None:
        while not ended.wait(CHANGES_SECONDS):
            release.do("trade")

    trading = Thread(target=trade)
    trading.start()
    try:
        yield
    finally:
        ended.set()
        trading.join()


def measure_api(tree: Path, fills: int, seconds: float) -> Iterator[tuple[str, str]]:
    """The rows of a release's API over a ledger of so many fills: 16 connections, each answer of other parameters."""
    with serving(tree, "empty") as release:
        place = release.database
        admin = create_engine(address(Path(place["socket_directory"]), place["name"], "postgres").url())
        stored = ledger.make(admin, fills)
        admin.dispose()
        release.do("rebuild")
        port = urlsplit(release.api).port or 0
        for title, (path, ranges) in ASKED.items():
            parameters = [
                {"name": name, "schema": {"type": "integer", "minimum": low, "maximum": high}}
                for name, (low, high) in ranges.items()
            ]
            found = asyncio.run(measure(port, path, parameters, seconds=seconds, vary=True))
            failed = f"; {found.failed} failed" if found.failed else ""
            yield (
                f"{title}, {stored:,} fills: p50, p99, a second, kB",
                f"{found.p50:.0f} ms, {found.p99:.0f} ms, {found.a_second:.0f}, {found.kilobytes:.0f}{failed}",
            )


def _collect(title: str, rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The rows, each shown as soon as it is there: the whole takes long."""
    found = {}
    for name, value in rows:
        print(f"{title}: {name}: {value}", file=sys.stderr, flush=True)
        found[name] = value
    return found


def _print(columns: Mapping[str, Mapping[str, str]]) -> None:
    names = list(dict.fromkeys(name for rows in columns.values() for name in rows))
    print(f"| | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for name in names:
        print(f"| {name} | {' | '.join(rows.get(name, '') for rows in columns.values())} |", flush=True)


def main() -> None:
    """Measure both, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", default="508cbb1", help="the release before")
    parser.add_argument("--fills", type=int, default=100_000, help="of the ledger under the API")
    parser.add_argument("--seconds", type=float, default=8, help="how long each closed loop runs")
    given = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {os.getloadavg()[0]:.1f} at the begin", flush=True)
    pages: dict[str, dict[str, str]] = {}
    apis: dict[str, dict[str, str]] = {}
    with checkout(given.commit) as earlier:
        for tree, title, all_shown in ((earlier, given.commit, BEFORE), (ROOT, "now", NOW)):
            with serving(tree) as release:
                for shown in all_shown:
                    name = shown.title.format(commit=given.commit)
                    pages[name] = _collect(name, measure_page(release, shown, given.seconds))
            apis[title] = _collect(title, measure_api(tree, given.fills, given.seconds))
    _print(pages)
    print()
    _print(apis)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
