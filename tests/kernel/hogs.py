"""What takes a unit's memory, tasks or processors, from within its control group."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deploy import limits
from tests.deploy.platform import Platform
from tests.deploy.running import reachable
from tests.patience import PATIENCE

_PROGRAM = Path(__file__).with_name("hog.py")
GROUPS = "/sys/fs/cgroup/system.slice"


def bring(platform: Platform) -> None:
    """Put the program onto the machine."""
    limits.put(platform, _PROGRAM.read_text(encoding="utf-8"), "/root/hog.py")


@contextmanager
def hogging(platform: Platform, unit: str, kind: str) -> Iterator[None]:
    """While it lasts, the unit's control group takes it, again and again; then the unit is started anew."""
    platform.ssh(
        "systemd-run --quiet --collect --unit=milkbot-hog --property=RuntimeMaxSec=1800 --property=StandardError=null "
        f"sh -c 'while :; do python3 /root/hog.py {unit} {kind}; sleep 1; done'"
    )
    try:
        yield
    finally:
        # Without limits ssh itself may be killed for memory.
        reachable(platform)
        platform.ssh(f"systemctl stop milkbot-hog; systemctl reset-failed {unit}; systemctl restart {unit}")


def wait(condition: Callable[[], bool], what: str) -> None:
    """Until it holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(2)


def restarts(platform: Platform, unit: str) -> int:
    """How often systemd started the unit again by itself."""
    return int(platform.ssh(f"systemctl show --value --property=NRestarts {unit}"))
