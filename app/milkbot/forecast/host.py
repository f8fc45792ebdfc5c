"""Running a forecaster: whatever it does, there is an outcome in bounded time, a distribution or the reason for none.

A forecaster of this package runs in the process: it was tested with the release, and costs nothing. One of another
package runs in a process of its own, started with the first event. Nothing less can be ended while it sleeps or spins:
a thread cannot be killed, and an alarm reaches neither a loop in C nor a call that waits. It gets no variable of ours
that is a secret, and what it raises, prints or leaks stays with it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, Self

from milkbot.domain import forecasters
from milkbot.forecast.answers import FailedError, LateError, NonsenseError, distribution
from milkbot.forecast.forecaster import Forecaster, Identity, NoForecast, identity_of, load, storable
from milkbot.forecast.inputs import Inputs
from milkbot.forecast.process import ForecasterProcess

EVENT_SECONDS: Final = 2.0
"""How long one event may take."""
START_SECONDS: Final = 10.0
"""How long a forecaster of another package may take to be imported, with what it needs."""


class Failure(StrEnum):
    """Why there is no distribution."""

    NO_FORECAST = "no_forecast"
    """The forecaster says so."""
    FAILED = "forecaster_failed"
    """It raised, its process ended, or it cannot be used."""
    LATE = "forecaster_late"
    """It gave no answer in time, or the time for all events was over."""
    NONSENSE = "forecaster_nonsense"
    """Its answer is no distribution over the brackets."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a forecaster answered for one event. `probabilities` are in the brackets' order and sum to one, or None.

    They sum to less where a bracket of the event was not read.
    """

    probabilities: tuple[float, ...] | None
    failure: Failure | None = None
    detail: str = ""
    elapsed_ms: float = 0.0


class _Runner(Protocol):
    def identity(self, seconds: float) -> Identity: ...
    def answer(self, inputs: Inputs, seconds: float) -> Sequence[float] | NoForecast: ...
    def close(self) -> None: ...


class Host:
    """One forecaster by its name, over the events of a tick.

    `seconds`: how long all events together may take, its start included, from `begin` on. Raises UnknownForecasterError
    for a name that is not installed.
    """

    def __init__(self, name: str, seconds: float = math.inf) -> None:
        self.name = name
        self._seconds = seconds
        self._ends = math.inf
        self._unusable: LateError | FailedError | None = None
        entry = forecasters.installed().get(name)
        runs_here = entry is None or forecasters.is_own(entry)
        self._runner: _Runner = _InProcess(load(name)) if runs_here else ForecasterProcess(name)
        self.begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def begin(self) -> None:
        """Begin a tick: the time for all its events is whole again."""
        self._ends = time.monotonic() + self._seconds
        self._unusable = None

    def identify(self) -> Identity:
        """What it says of itself; it is started for that, once a tick. Raises LateError or FailedError."""
        if self._unusable is not None:
            raise self._unusable
        try:
            return self._runner.identity(self._left(START_SECONDS))
        except (LateError, FailedError) as error:
            self._unusable = error
            raise

    def identity(self) -> Identity | None:
        """The same; None where that fails, and the outcomes say why."""
        with suppress(LateError, FailedError):
            return self.identify()
        return None

    def forecast(self, inputs: Inputs) -> Outcome:
        """The outcome for one event. It raises nothing, and takes no longer than it may."""
        began = time.monotonic()
        probabilities, failure, detail = self._judged(inputs)
        return Outcome(probabilities, failure, storable(detail), (time.monotonic() - began) * 1000)

    def close(self) -> None:
        """End its process, where it has one."""
        self._runner.close()

    def _judged(self, inputs: Inputs) -> tuple[tuple[float, ...] | None, Failure | None, str]:
        try:
            self.identify()
            said = self._runner.answer(inputs, self._left(EVENT_SECONDS))
            if isinstance(said, NoForecast):
                return None, Failure.NO_FORECAST, said.reason
            return distribution(said, len(inputs.brackets), whole=inputs.is_whole), None, ""
        except LateError as error:
            return None, Failure.LATE, str(error)
        except NonsenseError as error:
            return None, Failure.NONSENSE, str(error)
        except FailedError as error:
            return None, Failure.FAILED, str(error)

    def _left(self, most: float) -> float:
        """Seconds that it has now. Raises LateError where the time for all events is over."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise LateError(f"the {self._seconds:g} s for all events of a tick are over")
        return min(most, left)


class _InProcess:
    """A forecaster of this package."""

    def __init__(self, forecaster: Forecaster) -> None:
        self._forecaster = forecaster
        self._identity = identity_of(forecaster)

    def identity(self, seconds: float) -> Identity:
        del seconds
        return self._identity

    def answer(self, inputs: Inputs, seconds: float) -> Sequence[float] | NoForecast:
        del seconds
        try:
            return self._forecaster.forecast(inputs)
        except Exception as error:
            raise FailedError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """It has no process."""
