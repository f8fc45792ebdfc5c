"""One visitor floods the machine: others are served meanwhile, and the trader ticks in its time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.deploy.load import asking
from tests.deploy.platform import DOMAIN, ROOT, Platform
from tests.deploy.sockets import watching

# The timer of this machine starts a tick each minute; one that is late by half of that was kept waiting.
_LATEST_START = 90
_PATIENCE = 600
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


def _sql(platform: Platform, query: str) -> str:
    return platform.ssh(f'cd / && runuser -u postgres -- psql -XqAt milkbot -c "{query}"')


def _ticks_follow(platform: Platform, count: int = 2) -> None:
    """Wait until so many ticks began and ended from now on; none of them, and no earlier one, was left out."""
    newest = int(_sql(platform, "SELECT max(id) FROM ops.ticks"))
    since = f"FROM ops.ticks WHERE id > {newest} AND outcome = 'completed'"
    end = time.monotonic() + _PATIENCE
    while int(_sql(platform, f"SELECT count(*) {since}")) < count:
        assert time.monotonic() < end, "the trader does not tick"
        time.sleep(5)
    starts = f"SELECT started_at - lag(started_at) OVER (ORDER BY id) AS pause FROM ops.ticks WHERE id >= {newest}"
    longest = float(_sql(platform, f"SELECT max(extract(epoch FROM pause)) FROM ({starts}) AS all_of_them"))
    assert longest < _LATEST_START


@pytest.mark.matrix
@pytest.mark.parametrize("kind", ["sockets", "dearest", "uploads"])
def test_others_are_served_and_the_trader_ticks_under_a_flood(platform: Platform, kind: str) -> None:
    seen: dict[str, int] = {}
    bodies = "find /var/lib/nginx/body -type f | wc -l"
    with (
        watching(platform.address, DOMAIN, platform.authority, count=3) as dashboards,
        _flood(platform, kind, seen),
        asking(platform.address, DOMAIN, platform.authority, rate=5) as answers,
    ):
        _ticks_follow(platform)
        written = platform.ssh(bodies)
        assert dashboards.away == {}
    print(f"{kind}: the flood got {seen}; others {len(answers.every)} answers, slowest {max(answers.seconds)}")
    assert answers.failures == []
    assert len(answers.every) > 100
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
        with asking(platform.address, DOMAIN, platform.authority, rate=5) as answers:
            _ticks_follow(platform)
    finally:
        platform.ssh("systemctl stop milkbot-flood; systemctl reset-failed milkbot-flood; true")
    assert answers.failures == []
    assert int(platform.ssh(size)) - before < 200_000_000


@pytest.mark.matrix
def test_a_memory_hog_in_the_pages_unit_is_killed_while_the_trader_ticks(platform: Platform) -> None:
    group = "/sys/fs/cgroup/system.slice/milkbot-dashboard.service"
    if "memory" not in platform.ssh("cat /sys/fs/cgroup/cgroup.controllers").split():
        pytest.skip("the kernel gives this container no memory controller: no unit's MemoryMax has an effect in it")
    # As much as is needed here, whatever the memory of the host.
    platform.ssh("systemctl set-property --runtime milkbot-dashboard MemoryMax=600M MemoryHigh=500M MemorySwapMax=0")
    hog = "import time; held = [bytearray(1 << 20) for _ in range(2000)]; time.sleep(60)"
    try:
        killed = platform.ssh(
            f"sh -c 'echo $$ >{group}/cgroup.procs; exec python3 -c \"{hog}\"' && echo lives || echo $?"
        )
        _ticks_follow(platform, count=1)
    finally:
        platform.ssh("systemctl revert milkbot-dashboard; systemctl restart milkbot-dashboard")
    assert killed == "137"
