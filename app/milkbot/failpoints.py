"""Named points in the trader at which a test may stop the process. In production nothing names one: nothing happens.

In addition to the points that the order path names, every transaction passes `database.committing` and
`database.committed`, and every request `request.sending` and `request.answered`.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import NoReturn

VARIABLE = "MILKBOT_FAILPOINT"
"""`NAME=kill`, `NAME=stop` (SIGSTOP), or `NAME=wait:FILE`: make that file, then wait until it is removed.

`NAME#3` is the third time at which the process comes by; without a number it is the first.
"""

RECORD = "MILKBOT_FAILPOINT_RECORD"
"""A file to which each point that is reached is appended, a line each, in the form `NAME#3`."""

_PAUSE = 0.01
_reached: Counter[str] = Counter()


def reach(name: str) -> None:
    """Do what the environment asks for at this point; nothing, unless VARIABLE names it. Raises ValueError on a
    misspelt action.
    """
    asked, record = os.environ.get(VARIABLE), os.environ.get(RECORD)
    if asked is None and record is None:
        return
    _reached[name] += 1
    here = f"{name}#{_reached[name]}"
    if record is not None:
        with Path(record).open("a", encoding="utf-8") as log:
            log.write(f"{here}\n")
    if asked is not None:
        point, _, action = asked.partition("=")
        if here in (point, f"{point}#1"):
            _act(action)


def _act(action: str) -> None:
    verb, _, file = action.partition(":")
    match verb:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "wait" if file:
            _wait(Path(file))
        case _:
            _refuse(action)


def _wait(file: Path) -> None:
    file.touch()
    while file.exists():
        time.sleep(_PAUSE)


def _refuse(action: str) -> NoReturn:
    raise ValueError(f"{VARIABLE} asks for {action!r}; use NAME=kill, NAME=stop or NAME=wait:FILE")
