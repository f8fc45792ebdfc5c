"""The process of a forecaster of another package: `python -m milkbot.forecast.child NAME PARENT`, started by `process`.

On its standard input come the inputs of one event after the other, each as its length in four bytes and a pickle; for
each it writes one line of JSON. It ends with its input, or with the process that started it.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Final

from milkbot.forecast.answers import NonsenseError, numbers
from milkbot.forecast.forecaster import NoForecast, UnknownForecasterError, identity_of, load
from milkbot.forecast.inputs import Inputs

_MEMORY_BYTES: Final = 1 << 30
_PR_SET_PDEATHSIG: Final = 1
"""Source: linux/prctl.h."""


def main(name: str, parent: int) -> None:
    """Answer until the input ends, or the process `parent`, which started this one."""
    _end_with(parent)
    requests, replies = _own_pipes()
    _bound()

    def reply(what: dict[str, object]) -> None:
        replies.write(json.dumps(what).encode() + b"\n")
        replies.flush()

    try:
        forecaster = load(name)
    except UnknownForecasterError as error:
        reply({"error": str(error)})
        return
    reply(asdict(identity_of(forecaster)))
    while len(size := requests.read(4)) == 4:
        # It comes from the process that started this one, and from nobody else.
        inputs: Inputs = pickle.loads(requests.read(int.from_bytes(size, "big")))  # noqa: S301
        reply(_answer(forecaster.forecast, inputs))


def _answer(forecast: Callable[[Inputs], object], inputs: Inputs) -> dict[str, object]:
    try:
        said = forecast(inputs)
        if isinstance(said, NoForecast):
            return {"no_forecast": str(said.reason)}
        # An array of numpy is not a sequence; what it makes of itself is.
        listed = said.tolist() if hasattr(said, "tolist") else said
        return {"answer": numbers(listed, len(inputs.brackets))}
    except NonsenseError as error:
        return {"nonsense": str(error)}
    except Exception as error:  # noqa: BLE001  code of others: whatever it raises is its answer
        return {"error": f"{type(error).__name__}: {error}"[:1000]}


def _end_with(parent: int) -> None:
    """Be killed once the parent ends, however it ends and whatever the forecaster does then.

    setpriv does the same, but sets capabilities too, which the trader's unit does not allow.
    """
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != parent:
        sys.exit("the process that started this one is gone")


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the host. What the forecaster prints goes to the log, and it reads nothing."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def _bound() -> None:
    """Where memory is short this process goes, and not the trader."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
