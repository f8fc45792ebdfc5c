"""The operator's page as systemd runs it: a process that may only read, and one that acts, over Unix sockets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from tests.exchange import Keys, child_environment, environment
from tests.patience import PATIENCE
from tests.postgres import TestDatabase

from milkbot.operate.guard import ADDRESS

ORIGIN = f"http://{ADDRESS}"
MILKBOT = [sys.executable, "-m", "milkbot.cli"]


@dataclass(slots=True)
class Page:
    """A browser's view of the page, without its script."""

    client: httpx2.Client
    directory: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def get(self, path: str = "/", **headers: str) -> httpx2.Response:
        """A page."""
        return self.client.get(path, headers=headers)

    def ticket(self, act: str, text: str | None = None) -> str:
        """The ticket in the first form of that act."""
        found = re.search(
            rf'action="/act/{act}"><input type="hidden" name="ticket" value="([^"]+)"', text or self.get().text
        )
        assert found, f"no form of {act}"
        return found[1]

    def act(self, act: str, fields: dict[str, str], *, ticket: str | None = None, **headers: str) -> httpx2.Response:
        """Send a form as the page's own would be, and follow to where it leads."""
        fields = {"ticket": ticket or self.ticket(act), **fields}
        sent = {"Origin": ORIGIN, **headers}
        return self.client.post(f"/act/{act}", data=fields, headers={k: v for k, v in sent.items() if v})


def settings_of_acts(database: TestDatabase, keys: Keys, origin: str, directory: Path) -> dict[str, str]:
    """The settings of the service that acts: those of the platform."""
    kill_file = str(directory / "HALT")
    return environment(origin, keys, database, role="milkbot_control", TRADING_SERIES="KXHIGHNY", KILL_FILE=kill_file)


@contextmanager
def running_page(database: TestDatabase, acting: dict[str, str], directory: Path, *more: str) -> Iterator[Page]:
    """Both processes. The one that serves knows no key and no address of the exchange; `more` are options of it."""
    reading = {**database.environment("milkbot_operator"), "TRADING_MODE": "demo", "BANKROLL": acting["BANKROLL"]}
    web, act = directory / "web.sock", directory / "act.sock"
    serve = [*MILKBOT, "operator", "serve", "--acts", str(act), "--health", str(directory / "health.json"), *more]
    activate = ["systemd-socket-activate", "--accept", "--inetd", "-l", str(act)]
    passed = [f"-E{name}={value}" for name, value in child_environment(**acting).items()]
    client = httpx2.Client(
        transport=httpx2.HTTPTransport(uds=str(web)), base_url=ORIGIN, follow_redirects=True, timeout=PATIENCE
    )
    page = Page(client, directory)
    with (directory / "log").open("wb") as log:
        page.processes = [
            subprocess.Popen([*serve, "--socket", str(web)], env=child_environment(**reading), stderr=log),
            subprocess.Popen([*activate, *passed, *MILKBOT, "operator", "act"], stderr=log),
        ]
        try:
            wait_for(lambda: web.exists() and act.exists())
            yield page
        finally:
            client.close()
            for process in page.processes:
                process.terminate()
                process.wait(PATIENCE)


@pytest.fixture
def acting(database: TestDatabase, keys: Keys, origin: str, tmp_path: Path) -> dict[str, str]:
    """The settings of the service that acts."""
    return settings_of_acts(database, keys, origin, tmp_path)


@pytest.fixture
def page(database: TestDatabase, acting: dict[str, str], tmp_path: Path) -> Iterator[Page]:
    """The page, and what acts."""
    with running_page(database, acting, tmp_path) as running:
        yield running


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until it does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        os.sched_yield()
        time.sleep(0.02)
