"""What the kernel does to a unit that takes too much: it fails alone, and the trader, PostgreSQL and ssh go on."""

from __future__ import annotations

from subprocess import CalledProcessError

import pytest
from tests.deploy import limits
from tests.deploy.platform import Platform
from tests.kernel import hogs

_LONG_ENOUGH = 300
_SECONDS_TO_START, _SECONDS_USED = 2, 20
_LOOPS = """[Service]
Type=exec
ExecStart=
ExecStart=/bin/sh -c 'for number in 1 2 3 4; do yes & done; wait'
StandardOutput=null
RuntimeMaxSec=600
"""


def _events(platform: Platform, unit: str, file: str) -> dict[str, int]:
    lines = platform.ssh(f"cat {hogs.GROUPS}/{unit}.service/{file}").splitlines()
    return {name: int(value) for name, value in (line.split() for line in lines)}


def _killed(platform: Platform, unit: str) -> int:
    """How often the kernel killed a process of that unit for memory, by its own log."""
    return int(platform.ssh(f"journalctl --dmesg --quiet --grep='oom-kill:.*{unit}.service' | grep -c . || true"))


def _failures_of_the_api(fared: limits.Fared) -> list[str]:
    """The other address asked is the page's."""
    return [answer.failure for answer in fared.answers if answer.path == "/health" and answer.failure]


def test_every_controller_is_there(platform: Platform) -> None:
    assert {"cpu", "io", "memory", "pids"} <= set(platform.ssh("cat /sys/fs/cgroup/cgroup.controllers").split())


def test_a_memory_hog_in_the_page_is_killed_and_the_page_alone_starts_again(
    platform: Platform,
) -> None:
    killed, restarts = _killed(platform, "milkbot-dashboard"), hogs.restarts(platform, "milkbot-dashboard")
    with hogs.hogging(platform, "milkbot-dashboard", "memory"):
        hogs.wait(lambda: _killed(platform, "milkbot-dashboard") > killed, "the kernel kills nothing")
        hogs.wait(lambda: hogs.restarts(platform, "milkbot-dashboard") > restarts, "the page is not started again")
        fared = limits.fares(platform, count=1, rate=1)
    assert (fared.ticks >= 1, fared.pause < limits.LATEST_START) == (True, True)
    assert _failures_of_the_api(fared) == []
    assert _killed(platform, "milkbot-analytics") + _killed(platform, "milkbot-trader") == 0


def test_a_fork_bomb_in_the_api_stops_at_its_limit_and_others_can_start_processes(platform: Platform) -> None:
    most = int(platform.ssh("systemctl show --value --property=TasksMax milkbot-analytics"))
    with hogs.hogging(platform, "milkbot-analytics", "tasks"):
        hogs.wait(lambda: _events(platform, "milkbot-analytics", "pids.events")["max"] > 0, "nothing is refused")
        assert int(platform.ssh(f"cat {hogs.GROUPS}/milkbot-analytics.service/pids.current")) <= most
        # As many more as the unit may have, by another user in another unit.
        many = f"for i in $(seq {most}); do sleep 5 & done; wait; echo all"
        assert platform.ssh(f"systemd-run --quiet --pipe --wait --uid=nobody sh -c '{many}'") == "all"
        fared = limits.fares(platform, count=1, rate=1)
    assert (fared.ticks >= 1, fared.pause < limits.LATEST_START) == (True, True)


def test_processors_go_to_the_trader_before_the_page_by_their_shares(platform: Platform) -> None:
    units = ("milkbot-trader", "milkbot-dashboard")
    shares = [int(platform.ssh(f"systemctl show --value --property=CPUWeight {unit}")) for unit in units]

    def used() -> list[int]:
        return [_events(platform, unit, "cpu.stat")["usage_usec"] for unit in units]

    # The trader's unit with its limits, and a program that ends by itself.
    drop_in = f"{limits.RUNTIME}/milkbot-trader.service.d"
    platform.ssh("systemctl stop milkbot-trader.timer milkbot-trader")
    limits.put(platform, _LOOPS, f"{drop_in}/zz-loops.conf")
    try:
        with hogs.hogging(platform, "milkbot-dashboard", "processors"):
            platform.ssh("systemctl daemon-reload; systemctl start milkbot-trader")
            # Until its loops run, the page's have all processors.
            idle = used()[0]
            hogs.wait(lambda: used()[0] - idle > _SECONDS_TO_START * 10**6, "the trader's unit does not start")
            before = used()
            hogs.wait(lambda: used()[0] - before[0] > _SECONDS_USED * 10**6, "the trader's unit gets no processor")
            trader, page = (after - earlier for after, earlier in zip(used(), before, strict=True))
    finally:
        platform.ssh(
            f"rm -r {drop_in}; systemctl daemon-reload; systemctl stop milkbot-trader; "
            "systemctl reset-failed milkbot-trader; systemctl start milkbot-trader.timer"
        )
    print(f"processor time of the trader's unit {trader}, of the page's {page}; shares {shares}")
    assert shares[0] / shares[1] / 2 < trader / page < shares[0] / shares[1] * 2


@pytest.mark.parametrize("kind", ["memory", "tasks", "processors"])
def test_ticks_and_the_api_continue_whatever_the_page_takes(platform: Platform, kind: str) -> None:
    with hogs.hogging(platform, "milkbot-dashboard", kind):
        fared = limits.fares(platform, rate=1)
    print(f"{kind}, with the limits: {fared}")
    with limits.without(platform), hogs.hogging(platform, "milkbot-dashboard", kind):
        try:
            print(f"{kind}, without them: {limits.fares(platform, rate=1, patience=_LONG_ENOUGH)}")
        except CalledProcessError:
            print(f"{kind}, without them: ssh was lost")
    assert (fared.ticks >= 2, fared.pause < limits.LATEST_START) == (True, True)
    assert _failures_of_the_api(fared) == []
