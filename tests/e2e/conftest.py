"""Browser tests: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright
from tests.e2e.local_platform import Platform, running_platform, write_a_month
from tests.postgres import Cluster, TestDatabase, running_cluster

CHROMIUM = "/usr/bin/chromium"
# No sandbox: the tests run as root. The rest keeps the browser from calling home.
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright itself."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A browser for the services on loopback."""
    with playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS) as launched:
        yield launched


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where screenshots are kept: MILKBOT_SCREENSHOTS, or test-results/screenshots."""
    return Path(os.environ.get("MILKBOT_SCREENSHOTS", "test-results/screenshots"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The session's database server."""
    with running_cluster() as serving:
        yield serving


@pytest.fixture(scope="module")
def traded(cluster: Cluster) -> Iterator[TestDatabase]:
    """A database with a month of test facts."""
    with cluster.database() as fresh:
        write_a_month(fresh)
        yield fresh


@pytest.fixture(scope="module")
def platform(traded: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Service and dashboard over that month."""
    with running_platform(traded, tmp_path_factory.mktemp("home")) as running:
        yield running
