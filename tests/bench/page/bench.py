"""`/` and `/explore` in one run: pages a second, many visitors at once, weight, and first paint on a slow line.

`python -m tests.bench.page.bench [--seconds N]`. Server, database, API and visitors share one machine, over thirty days
of test facts, without nginx: its cache and its compressed files are not in these figures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from tests.bench.page.visitors import (
    OpenOne,
    Viewer,
    Visit,
    crowd,
    keep_asking,
    keep_visiting,
    open_all,
    read_page,
    visit_explorer,
)
from tests.e2e.conftest import ARGUMENTS, CHROMIUM
from tests.e2e.local_platform import Platform, Service, running_platform, write_a_month
from tests.postgres import running_cluster

CONNECTIONS = 6
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 94_000}
"""1.6 Mbit/s down, 0.75 up, 150 ms: Lighthouse's slow 4G."""
_SHOWN = {"/": "[data-testid=figures]", "/explore": "[data-testid=trades]"}
CROWDS = ((200, 1), (500, 10))


@contextmanager
def _without_cache(platform: Platform) -> Iterator[str]:
    """A second dashboard that renders its pages for every request."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        given = platform.dashboard
        service = Service(listening, "tests.bench.page.uncached:app", dict(given.environment), given.health)
        service.environment["PYTHONPATH"] = "app:."
        service.start()
        try:
            yield service.url
        finally:
            service.stop()


def memory(process: int) -> int:
    """Kilobytes that a process has in memory."""
    return int(Path(f"/proc/{process}/status").read_text("utf-8").partition("VmRSS:")[2].split()[0])


async def memory_of_visitors(process: int, open_one: OpenOne, visitors: int) -> float:
    """Kilobytes of the server's process for each of so many open pages."""
    before = memory(process)
    opened = await open_all(open_one, visitors)
    grown = memory(process) - before
    await asyncio.gather(*(session.close() for session in opened))
    return grown / visitors


def weigh(browser: Browser, url: str, path: str, content: str) -> dict[str, Any]:
    """What a first visit takes on a slow line: bytes, requests, first paint, and the time until the content shows."""
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", SLOW)
    received: list[int] = []
    requests: list[str] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    session.on("Network.webSocketFrameReceived", lambda event: received.append(len(event["response"]["payloadData"])))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(url + path, wait_until="commit", timeout=120_000)
    page.locator(content).first.wait_for(timeout=120_000)
    shown = page.evaluate("performance.now()")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
    page.wait_for_load_state("networkidle")
    context.close()
    return {"kB": sum(received) / 1000, "requests": len(requests), "paint": paint / 1000, "shown": shown / 1000}


def processor_seconds(process: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print_crowds(name: str, visit: Visit, process: int) -> None:
    for visitors, within in CROWDS:
        before = processor_seconds(process)
        seen = asyncio.run(crowd(visit, visitors, within))
        each = (processor_seconds(process) - before) / visitors
        print(
            f"| {name} | {visitors} within {within} s | {seen.without} without a page | "
            f"p50 {seen.quantile(50):.2f} s | p95 {seen.quantile(95):.2f} s | processor {1000 * each:.1f} ms each |",
            flush=True,
        )


def _print_weights(url: str) -> None:
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS)) as browser,
    ):
        for path, content in _SHOWN.items():
            found = weigh(browser, url, path, content)
            print(
                f"| {path} | {found['kB']:.1f} kB | {found['requests']} requests | "
                f"first paint {found['paint']:.1f} s | content {found['shown']:.1f} s |",
                flush=True,
            )


def main() -> None:
    """Run all, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="how long each closed loop runs")
    seconds = parser.parse_args().seconds
    with (
        running_cluster() as cluster,
        cluster.database() as database,
        tempfile.TemporaryDirectory() as home,
    ):
        write_a_month(database)
        with running_platform(database, Path(home), refresh_seconds=30) as platform:
            url = platform.dashboard.url
            root: Visit = partial(read_page, url)
            explorer: Visit = partial(visit_explorer, url)
            asyncio.run(root())
            asyncio.run(explorer())
            # First: later the process has memory that others have left.
            assert platform.dashboard.process is not None
            process = platform.dashboard.process.pid
            memory = asyncio.run(memory_of_visitors(process, partial(Viewer.open, url), 200))
            print(f"memory of an open explorer: {memory:.0f} kB", flush=True)
            print(f"/: {asyncio.run(keep_asking(url, CONNECTIONS, seconds)):.0f} pages/s", flush=True)
            with _without_cache(platform) as bare:
                rate = asyncio.run(keep_asking(bare, CONNECTIONS, seconds))
                print(f"/ rendered for each request: {rate:.0f} pages/s", flush=True)
            rate = asyncio.run(keep_visiting(explorer, CONNECTIONS, seconds))
            print(f"/explore: {rate:.1f} pages/s", flush=True)
            _print_crowds("/", root, process)
            _print_crowds("/explore", explorer, process)
            _print_weights(url)


if __name__ == "__main__":
    main()
