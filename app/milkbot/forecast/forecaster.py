"""What a forecaster is, and how one is found by its name. Those of this package come through the same door."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from milkbot.domain import forecasters
from milkbot.forecast.inputs import Inputs


@dataclass(frozen=True, slots=True)
class NoForecast:
    """A forecaster's word that it has none for these inputs, and why. Nothing is traded on it."""

    reason: str


class Forecaster(Protocol):
    """Turns what was known of an event into a probability for each of its brackets.

    It keeps nothing between two calls that its answer depends on, and reads nothing but its inputs: no clock, no
    network, no file that changes. The same inputs always have the same answer, so a recorded day can be run again.
    """

    @property
    def name(self) -> str:
        """The name of its entry point."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same inputs and parameters may have another answer."""
        ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """The numbers that it works by, as JSON has them; the host stores their hash."""
        ...

    @property
    def needs_weather(self) -> bool:
        """Whether it cannot do without a fresh forecast and, on the day itself, fresh measurements."""
        ...

    def forecast(self, inputs: Inputs) -> Sequence[float] | NoForecast:
        """A probability for each of `inputs.brackets`, in their order; the host makes them sum to one."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """What a forecaster says of itself."""

    name: str
    version: str
    parameters_hash: str
    needs_weather: bool


class UnknownForecasterError(ValueError):
    """No installed package has a forecaster of that name, or the one that it has cannot be used."""


def load(name: str) -> Forecaster:
    """The installed forecaster of that name. Raises UnknownForecasterError, which lists what is installed."""
    entries = forecasters.installed()
    if name not in entries:
        raise UnknownForecasterError(
            f"there is no forecaster {name!r}; installed are {', '.join(entries) or 'none'}; use one of them, "
            f"or install the package that has it in its entry points {forecasters.GROUP}"
        )
    entry = entries[name]
    try:
        found: Forecaster = entry.load()()
        said, _ = identity_of(found).name, found.forecast
    except Exception as error:
        raise UnknownForecasterError(
            f"forecaster {name!r} of {forecasters.package_of(entry)} cannot be used: {type(error).__name__}: {error}; "
            "repair or remove the package"
        ) from error
    if said != name:
        raise UnknownForecasterError(
            f"forecaster {name!r} of {forecasters.package_of(entry)} calls itself {said!r}; use the entry point's name"
        )
    return found


def identity_of(forecaster: Forecaster) -> Identity:
    """What it says of itself."""
    hashed, needs_weather = parameters_hash(forecaster.parameters), bool(forecaster.needs_weather)
    return Identity(str(forecaster.name), storable(str(forecaster.version)), hashed, needs_weather)


def parameters_hash(parameters: Mapping[str, object]) -> str:
    """Twelve hex digits that change with any parameter, not with their order. Raises ValueError or TypeError for what
    JSON does not have.
    """
    text = json.dumps(dict(parameters), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def storable(text: str) -> str:
    """What a database takes as text, and of a length that a person reads."""
    return text[:500].encode("utf-8", "replace").decode().replace("\0", "?")
