"""Asking the host's programs, each within its time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from milkbot_hostcheck.row import plain

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}
# What is killed while the kernel holds it goes later.
_REAP_SECONDS = 0.5


@dataclass(frozen=True)
class Answer:
    """How a program ended; `late` when it had to be killed, and 127 when there is none of that name."""

    code: int
    output: str
    complaint: str
    late: bool = False

    def why(self) -> str:
        """What it complained of, in one line."""
        if self.late:
            return self.complaint
        lines = [line for line in self.complaint.splitlines() if line.strip()]
        return plain(lines[0] if lines else f"it left with {self.code}")


def ask(
    command: Sequence[str], seconds: float, *, given: str = "", environment: Mapping[str, str] | None = None
) -> Answer:
    """What a program answers. Never raises, and never takes longer: it is killed with all that it started."""
    try:
        running = subprocess.Popen(  # noqa: S603 - our own words
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**_ENVIRONMENT, **(environment or {})},
            # runuser keeps the directory, which may be one that only root can enter.
            cwd="/",
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Answer(127, "", str(error))
    try:
        output, complaint = running.communicate(given, timeout=seconds)
    except subprocess.TimeoutExpired:
        with suppress(OSError, subprocess.TimeoutExpired):
            os.killpg(running.pid, signal.SIGKILL)
            running.wait(_REAP_SECONDS)
        return Answer(124, "", f"no answer within {seconds:g} s", late=True)
    return Answer(running.returncode, output, complaint)
