"""Runs on the machine: python3 hog.py UNIT KIND. It enters the unit's control group, and takes what it is given there.

Under the unit's limits, with the OOM score of the unit's own processes. `tasks` prints how many it could start.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

# Without a limit they are as many as make the host stall; with it fewer.
PROCESSES, EATERS, MEBIBYTES, LOOPS = 3000, 40, 150, 16


def _enter(unit: str) -> None:
    group = Path("/sys/fs/cgroup/system.slice", f"{unit}.service", "cgroup.procs")
    first = group.read_text(encoding="ascii").split()[0]
    Path("/proc/self/oom_score_adj").write_bytes(Path(f"/proc/{first}/oom_score_adj").read_bytes())
    group.write_text("0", encoding="ascii")


def _fork(count: int) -> int:
    """Start so many; returns 0 in each, and in the parent how many there are."""
    for started in range(count):
        try:
            if os.fork() == 0:
                return 0
        except BlockingIOError:
            return started
    return count


def tasks() -> None:
    """Processes that do nothing."""
    started = _fork(PROCESSES)
    if started:
        print(started, flush=True)
    signal.pause()


def memory() -> None:
    """Written, so that it is there."""
    if _fork(EATERS) == 0:
        held = [b"x" * (1 << 20) for _ in range(MEBIBYTES)]
        signal.pause()
        del held
    with suppress(ChildProcessError):
        while True:
            os.wait()


def processors() -> None:
    """More loops than processors."""
    _fork(LOOPS)
    while True:
        pass


if __name__ == "__main__":
    _enter(sys.argv[1])
    {"tasks": tasks, "memory": memory, "processors": processors}[sys.argv[2]]()
