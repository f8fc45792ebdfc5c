"""A forecaster of another package, in a process of its own (`child`), which is ended where it takes too long."""

from __future__ import annotations

import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from milkbot.forecast.answers import FailedError, LateError, NonsenseError
from milkbot.forecast.forecaster import Identity, NoForecast
from milkbot.forecast.inputs import Inputs

_LONGEST_LINE: Final = 65_536
_PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
"""The variables that it gets. None of them is a secret."""


class ForecasterProcess:
    """Started with the first question, and anew after it was ended. Every method raises LateError or FailedError."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: Identity | None = None

    def identity(self, seconds: float) -> Identity:
        """What the forecaster says of itself, once it has been imported."""
        if self._process is None or self._identity is None:
            self._identity = self._start(seconds)
        return self._identity

    def answer(self, inputs: Inputs, seconds: float) -> Sequence[float] | NoForecast:
        """Its answer for one event; it has to run. Raises NonsenseError as well."""
        body = pickle.dumps(inputs)
        said = self._exchange(len(body).to_bytes(4, "big") + body, seconds, "for the event")
        if "error" in said:
            raise FailedError(str(said["error"]))
        if "nonsense" in said:
            raise NonsenseError(str(said["nonsense"]))
        if "no_forecast" in said:
            return NoForecast(str(said["no_forecast"]))
        answer: Sequence[float] = said["answer"]
        return answer

    def close(self) -> None:
        """End it, with all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # Only the kernel can keep a killed process; nobody waits for that.
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _start(self, seconds: float) -> Identity:
        self.close()
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-P", "-m", "milkbot.forecast.child", self._name, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise FailedError(f"its process cannot be started: {error}") from error
        said = self._exchange(b"", seconds, "to start")
        if "error" in said:
            self.close()
            raise FailedError(str(said["error"]))
        return Identity(**said)

    def _exchange(self, request: bytes, seconds: float, what: str) -> dict[str, Any]:
        """Send the request, and read one line of JSON. Where that fails the process is ended."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise FailedError("its process does not run")
        try:
            line = _asked(process.stdin.fileno(), process.stdout.fileno(), request, time.monotonic() + seconds)
            said: dict[str, Any] = json.loads(line)
        except TimeoutError:
            self.close()
            raise LateError(f"no answer within {seconds:.3g} s {what}") from None
        except (OSError, EOFError):
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
            self.close()
            raise FailedError(f"its process ended with {process.returncode}") from None
        except ValueError as error:
            self.close()
            raise FailedError(f"its process sent what is not understood: {error}") from None
        return said


def _asked(requests: int, replies: int, request: bytes, ends: float) -> bytes:
    """Write the request as far as it is taken, and read up to the end of a line. Raises TimeoutError at the end of the
    time, EOFError or OSError where nobody is there any more, ValueError for an endless line.
    """
    left_over, line = memoryview(request), b""
    os.set_blocking(requests, False)
    with selectors.DefaultSelector() as selector:
        selector.register(replies, selectors.EVENT_READ)
        if left_over:
            selector.register(requests, selectors.EVENT_WRITE)
        while not line.endswith(b"\n"):
            seconds = ends - time.monotonic()
            if seconds <= 0:
                raise TimeoutError
            for key, _ in selector.select(seconds):
                if key.fd == requests:
                    left_over = left_over[os.write(requests, left_over) :]
                    if not left_over:
                        selector.unregister(requests)
                    continue
                got = os.read(replies, _LONGEST_LINE)
                if not got:
                    raise EOFError
                line += got
                if len(line) > _LONGEST_LINE:
                    raise ValueError(f"a line of more than {_LONGEST_LINE} bytes")
    return line
