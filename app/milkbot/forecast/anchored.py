"""The default: the market's mid, a little sharpened, with as much of the weather's model in it as has paid so far.

ln p = exponent * ln(mid) + weight * ln(normal) + constant, over the brackets of the event; the constant makes them sum
to one. Exponent and weight depend on the lead time, and come out of `anchored.json`, which `milkbot forecaster fit`
writes. An exponent of 1 and a weight of 0 is the market itself. Source of the pool: Genest and Zidek, "Combining
probability distributions" (Statistical Science 1, 1986), the logarithmic opinion pool.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from milkbot.domain.chances import to_one
from milkbot.forecast.forecaster import NoForecast
from milkbot.forecast.inputs import Inputs
from milkbot.forecast.market import Market, fresh_mid
from milkbot.forecast.normal import Normal

SHIPPED: Final = "anchored.json"
FORM: Final = 1
"""Of the file: another number is another form of it."""
LEAST_SUM, MOST_SUM = 0.8, 1.25
"""Dollars that the mids of an event's brackets sum to. Beyond that they are not prices of one moment, or nobody quotes:
to divide by the sum would be to invent a market."""


class ParametersError(ValueError):
    """Parameters that cannot be used: the message names the thing, its value and what to do."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What holds while `from_hours` or more remain of the climate day, and less than the stretch before it needs."""

    from_hours: float
    exponent: float
    weight: float

    def __post_init__(self) -> None:
        """Raises ParametersError for what is no finite number, an exponent that is not positive, a negative weight."""
        if not all(math.isfinite(one) for one in (self.from_hours, self.exponent, self.weight)):
            raise ParametersError(f"stretch {self}: it holds what is no number; fit anew")
        if self.exponent <= 0 or self.weight < 0:
            raise ParametersError(f"stretch {self}: expected a positive exponent and no negative weight; fit anew")


class Anchored:
    """Pools the market and the `normal` model. Without enough of a market there is no forecast."""

    name = "anchored"
    version = "1"

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        """By the parameters of this package's file, or by the given ones of the same form. Raises ParametersError."""
        self._parameters = shipped() if parameters is None else parameters
        self._stretches = _stretches(self._parameters)

    @property
    def parameters(self) -> Mapping[str, object]:
        """The whole file, with its data's fingerprint and scores."""
        return self._parameters

    @property
    def needs_weather(self) -> bool:
        """Only where the weather's model has a weight."""
        return any(stretch.weight for stretch in self._stretches)

    def forecast(self, inputs: Inputs) -> Sequence[float] | NoForecast:
        """The pool of the stretch that the lead time is in."""
        market = market_of(inputs)
        if isinstance(market, NoForecast):
            return market
        stretch = self.stretch(inputs)
        if not stretch.weight:
            return pooled(market, stretch.exponent)
        weather = Normal().forecast(inputs)
        return weather if isinstance(weather, NoForecast) else pooled(market, stretch.exponent, weather, stretch.weight)

    def stretch(self, inputs: Inputs) -> Stretch:
        """What holds at the moment of the inputs; the last one also after the end of the day."""
        return self._stretches[stretch_number([one.from_hours for one in self._stretches], inputs)]


def stretch_number(starts: Sequence[float], inputs: Inputs) -> int:
    """Which of the stretches, longest lead first, the moment of the inputs is in; `starts` in hours before the end."""
    hours = inputs.lead.total_seconds() / 3600
    return next((number for number, start in enumerate(starts) if hours >= start), len(starts) - 1)


def market_of(inputs: Inputs) -> Sequence[float] | NoForecast:
    """The market's mids, made to sum to one, where at least half of the brackets have one and the sum is near one."""
    if not inputs.is_whole:
        return NoForecast("a bracket of the event was not read: its price is not that of the others")
    mids = Market().forecast(inputs)
    if isinstance(mids, NoForecast):
        return mids
    priced = sum(fresh_mid(bracket.quote, inputs) is not None for bracket in inputs.brackets)
    if 2 * priced < len(mids):
        return NoForecast(f"too little market: {priced} of {len(mids)} brackets have a fresh quote, expected half")
    if not LEAST_SUM <= sum(mids) <= MOST_SUM:
        return NoForecast(f"no market: the mids sum to {sum(mids):.2f} dollars, expected {LEAST_SUM} to {MOST_SUM}")
    return to_one(mids)


def pooled(
    market: Sequence[float], exponent: float, weather: Sequence[float] | None = None, weight: float = 0.0
) -> list[float]:
    """The logarithmic pool of two distributions, the second one with a floor, made to sum to one."""
    logs = [exponent * math.log(chance) for chance in market]
    if weather is not None:
        logs = [log + weight * math.log(chance) for log, chance in zip(logs, to_one(weather), strict=True)]
    most = max(logs)
    chances = [math.exp(log - most) for log in logs]
    total = sum(chances)
    return [chance / total for chance in chances]


@cache
def shipped() -> Mapping[str, Any]:
    """The parameters in this package's file."""
    return read(resources.files("milkbot.forecast").joinpath(SHIPPED).read_text("utf-8"))


def read(text: str) -> Mapping[str, Any]:
    """The parameters of a file that `milkbot forecaster fit` wrote. Raises ParametersError."""
    try:
        found = json.loads(text)
        form = found["form"]
    except (ValueError, KeyError, TypeError) as error:
        raise ParametersError(f"parameters of the anchored forecaster are not readable: {error}; fit anew") from error
    if form != FORM:
        raise ParametersError(f"parameters of the anchored forecaster: form {form}, expected {FORM}; fit anew")
    _stretches(found)
    return dict(found)


def _stretches(parameters: Mapping[str, Any]) -> tuple[Stretch, ...]:
    try:
        rows = parameters["stretches"]
        found = tuple(Stretch(row["from_hours"], row["exponent"], row["weight"]) for row in rows)
    except (KeyError, TypeError) as error:
        raise ParametersError(f"parameters of the anchored forecaster lack {error}; fit anew") from error
    starts = [one.from_hours for one in found]
    if not found or starts != sorted(set(starts), reverse=True):
        raise ParametersError(f"parameters of the anchored forecaster: stretches from {starts} hours, longest first")
    return found
