"""Named points in the trader at which a test may stop the process. In production nothing names one: nothing happens."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NoReturn

VARIABLE = "MILKBOT_FAILPOINT"
"""`NAME=kill`, `NAME=stop` (SIGSTOP), or `NAME=wait:FILE`: make that file, then wait until it is removed."""

_PAUSE = 0.01


def reach(name: str) -> None:
    """Do what the environment asks for at this point; nothing, unless VARIABLE names it. Raises ValueError on a
    misspelt action.
    """
    asked = os.environ.get(VARIABLE)
    if asked is None:
        return
    point, _, action = asked.partition("=")
    if point == name:
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
