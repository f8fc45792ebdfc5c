"""One visitor floods the machine: others are served meanwhile, and the trader ticks in its time."""

from __future__ import annotations

import pytest
from tests.deploy import limits
from tests.deploy.flood import MANY_SLOW_CLIENTS, flooding
from tests.deploy.platform import DOMAIN, Platform
from tests.deploy.sockets import watching

# Seconds that a machine without limits is watched.
_LONG_ENOUGH = 300
_LINE = "a line of a service that fails over and over again, with a trace of where it was when it did"
_REFUSED_BY = {"sockets": "429", "dearest": "429", "uploads": "413"}


@pytest.mark.matrix
@pytest.mark.parametrize("kind", ["slow", *_REFUSED_BY])
def test_others_are_served_and_the_trader_ticks_under_a_flood(platform: Platform, kind: str) -> None:
    with (
        watching(platform.address, DOMAIN, platform.authority, count=3) as dashboards,
        flooding(platform, kind) as seen,
    ):
        fared = limits.fares(platform)
        written = platform.ssh("find /var/lib/nginx/body -type f | wc -l")
        assert dashboards.away == {}
    print(f"{kind}, with the limits: {fared}; the flood got {seen}")
    with limits.without(platform), flooding(platform, kind) as unbounded:
        # It may be that nothing answers.
        fared_without = limits.fares(platform, patience=_LONG_ENOUGH)
    print(f"{kind}, without them: {fared_without}; the flood got {unbounded}")
    assert fared.failures == []
    assert (fared.ticks >= 2, fared.pause < limits.LATEST_START) == (True, True)
    assert len(fared.answers) > 100
    # What it sends reaches no disk, and most of it nobody.
    assert written == "0"
    if kind == "slow":
        assert seen["connected"] > MANY_SLOW_CLIENTS
    else:
        assert seen.get(_REFUSED_BY[kind], 0) > seen.get("101", 0) + seen.get("200", 0)


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
