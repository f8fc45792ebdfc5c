"""One visitor floods the machine: others are served meanwhile, and the trader ticks in its time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.deploy import limits
from tests.deploy.platform import DOMAIN, ROOT, Platform
from tests.deploy.sockets import watching

# Seconds that a machine without limits is watched.
_LONG_ENOUGH = 300
_LINE = "a line of a service that fails over and over again, with a trace of where it was when it did"


@contextmanager
def _flood(platform: Platform, kind: str, seen: dict[str, int]) -> Iterator[None]:
    """From an address of its own, as each address has its share; `seen` has the answers at the end."""
    program = [sys.executable, "-m", "tests.deploy.flood", kind, platform.address, DOMAIN]
    command = [str(ROOT / "tools/testrun/visitor.sh"), *program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stdout.readline().strip() == "ready"
        try:
            yield
        finally:
            running.stdin.close()
            seen |= json.loads(running.stdout.readline())


@pytest.mark.matrix
@pytest.mark.parametrize("kind", ["sockets", "dearest", "uploads"])
def test_others_are_served_and_the_trader_ticks_under_a_flood(platform: Platform, kind: str) -> None:
    seen: dict[str, int] = {}
    with (
        watching(platform.address, DOMAIN, platform.authority, count=3) as dashboards,
        _flood(platform, kind, seen),
    ):
        fared = limits.fares(platform)
        written = platform.ssh("find /var/lib/nginx/body -type f | wc -l")
        assert dashboards.away == {}
    print(f"{kind}, with the limits: {fared}; the flood got {seen}")
    unbounded: dict[str, int] = {}
    with limits.without(platform), _flood(platform, kind, unbounded):
        # It may be that nothing answers.
        fared_without = limits.fares(platform, patience=_LONG_ENOUGH)
    print(f"{kind}, without them: {fared_without}; the flood got {unbounded}")
    assert fared.failures == []
    assert (fared.ticks >= 2, fared.pause < limits.LATEST_START) == (True, True)
    assert len(fared.answers) > 100
    # What it sends reaches no disk, and most of it nobody.
    assert written == "0"
    refused = {"sockets": "429", "dearest": "429", "uploads": "413"}[kind]
    assert seen.get(refused, 0) > seen.get("101", 0) + seen.get("200", 0)


@pytest.mark.matrix
def test_a_service_that_floods_the_log_fills_no_disk_and_delays_no_tick(platform: Platform) -> None:
    size = "du --summarize --bytes /var/log/journal | cut -f1"
    before = int(platform.ssh(size))
    unit = "systemd-run --quiet --unit=milkbot-flood --property=User=milkbot-dashboard --property=RuntimeMaxSec=300"
    platform.ssh(f"{unit} sh -c 'yes \"{_LINE}\" | head --bytes=500M'")
    try:
        fared = limits.fares(platform)
    finally:
        platform.ssh("systemctl stop milkbot-flood; systemctl reset-failed milkbot-flood; true")
    assert fared.failures == []
    assert (fared.ticks >= 2, fared.pause < limits.LATEST_START) == (True, True)
    assert int(platform.ssh(size)) - before < 200_000_000
