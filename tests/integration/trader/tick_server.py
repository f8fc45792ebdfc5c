"""Ticks as processes of their own without a start of Python for each: `python -m tests.integration.trader.tick_server`.

A line on standard input is a JSON object of environment variables. For each, a forked child runs the real command
`milkbot tick` with exactly those variables, on the simulator's clock instead of the system's; a line on standard
output gives its process id, and one more, when it has ended, its exit code (negative: the signal that ended it).
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from datetime import datetime
from typing import NoReturn

from milkbot.cli import main
from milkbot.domain.clock import SystemClock
from milkbot.simulator.virtual_clock import STATE_PATH, SimulatorClock
from milkbot.trader import clients
from milkbot.trader.orders import manager

CLOCK = "MILKBOT_TEST_CLOCK"
"""Where the simulator is asked for the time, which no cut of the exchange's wire touches."""
SEND_WITHIN = "MILKBOT_TEST_SEND_WITHIN"
"""Seconds of real uptime within which an order is sent. Others may move the simulator's time meanwhile."""


class SharedClock(SimulatorClock):
    """Of a tick that may be stopped: time goes on without it, and its uptime is real. It reads past all failpoints."""

    def now(self) -> datetime:
        with urllib.request.urlopen(f"{self._origin}{STATE_PATH}") as answer:
            return datetime.fromisoformat(str(json.load(answer)["now"]))

    def uptime(self) -> float:
        return SystemClock().uptime()


def tick(environment: dict[str, str]) -> NoReturn:
    """Be `milkbot tick`."""
    os.environ.clear()
    os.environ.update(environment)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 1)
    sys.argv = ["milkbot", "tick"]
    clock = SimulatorClock
    if SEND_WITHIN in environment:
        clock = SharedClock
        setattr(manager, "SEND_WITHIN", float(environment[SEND_WITHIN]))  # noqa: B010 - a constant but here
    setattr(clients, "SystemClock", lambda: clock(environment[CLOCK]))  # noqa: B010 - it stands in for the class
    code = 0
    try:
        main()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    finally:
        os._exit(code)


def serve() -> None:
    """Run ticks until standard input ends."""
    for line in sys.stdin:
        environment = json.loads(line)
        child = os.fork()
        if child == 0:
            tick(environment)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    # Everything that a tick needs is loaded before the first fork.
    import milkbot.cli.tick  # noqa: F401

    serve()
