"""Waiting for a machine by conditions: ssh answers, then systemd says that it is running."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from localvps import process, ssh
from localvps.errors import VpsError

if TYPE_CHECKING:
    from localvps.config import Config
    from localvps.machine import Machine

_POLL_SECONDS = 0.05
_UP = {"running", "degraded", "maintenance"}


def wait(config: Config, machine: Machine, seconds: float) -> str:
    """Wait until the machine has booted; returns systemd's word for it ("running").

    Raises VpsError when the machine dies, does not answer in time, or has failed units.
    """
    deadline = time.monotonic() + seconds
    command = [*ssh.command(config, machine, "-o", "BatchMode=yes", "-o", "ConnectTimeout=2")]
    answer = "(no answer yet)"
    while True:
        if process.of(config, machine) is None:
            tail = process.console_tail(machine)
            raise VpsError(f"machine {machine.name} is not running; the end of its console:\n{tail}")
        done = subprocess.run(
            [*command, "systemctl is-system-running --wait"], capture_output=True, text=True, check=False
        )
        state = done.stdout.strip()
        if state in _UP:
            break
        answer = done.stderr.strip() or state or answer
        if time.monotonic() > deadline:
            raise VpsError(f"machine {machine.name} is not ready after {seconds:.0f} s; last word: {answer}")
        time.sleep(_POLL_SECONDS)
    if state != "running":
        units = subprocess.run(
            [*command, "systemctl --failed --plain --no-legend"], capture_output=True, text=True, check=False
        ).stdout.strip()
        raise VpsError(f"machine {machine.name} is {state}; failed units:\n{units}")
    return state
