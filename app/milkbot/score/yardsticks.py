"""Forecasters that only measure: what others must beat, and the market's own prices as they were recorded.

`mid` and `last` are the prices themselves, `shared` is the mid with what is left of one dollar for the markets without
a price, `uniform` knows nothing. `listing`, `persistence` and `ndfd` are a Normal around one forecast; a spread in
degrees F may follow the name: `listing-2.5`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from milkbot.domain.chances import LEAST
from milkbot.forecast.forecaster import NoForecast
from milkbot.forecast.inputs import Inputs
from milkbot.forecast.normal import bracket_probabilities
from milkbot.score.events import listing_centre
from milkbot.score.quotes import SERVICE
from milkbot.score.recording import LISTING, PERSISTENCE

NDFD: Final = "ndfd"
_SPREADS_F: Final = {LISTING: 3.0, PERSISTENCE: 7.0, NDFD: 2.5}
_FORM = re.compile(r"(?P<source>[a-z]+)(?:-(?P<sd>\d+(?:\.\d+)?))?")
_MORNING_ISSUE: Final = 12
"""The NDFD issue of that hour (UTC) is taken: one of each day, before both usual decision times."""


@dataclass(frozen=True)
class Yardstick:
    """A forecaster made of one function of the inputs."""

    name: str
    parameters: Mapping[str, object]
    answer: Callable[[Inputs], Sequence[float] | NoForecast]
    version: str = "1"
    needs_weather: bool = False

    def forecast(self, inputs: Inputs) -> Sequence[float] | NoForecast:
        """The function's answer."""
        return self.answer(inputs)


def mid(inputs: Inputs) -> Sequence[float]:
    """The mid of each bracket as it was recorded, in dollars: not made to sum to one."""
    return [price if price is not None else LEAST for price in mids(inputs)]


def mids(inputs: Inputs) -> list[float | None]:
    """The mid of each bracket, None for one without a price."""
    return [None if one.quote is None or one.quote.mid is None else float(one.quote.mid) for one in inputs.brackets]


def last(inputs: Inputs) -> Sequence[float]:
    """The price of each bracket's last trade, however old."""
    return [float(one.trades[-1].price) if one.trades else LEAST for one in inputs.brackets]


def uniform(inputs: Inputs) -> Sequence[float]:
    """The same for each bracket."""
    return [1 / len(inputs.brackets)] * len(inputs.brackets)


def shared(inputs: Inputs) -> Sequence[float]:
    """The mids; the brackets without a price share what the others leave of one dollar."""
    found = mids(inputs)
    left = max(0.0, 1.0 - sum(price for price in found if price is not None))
    share = left / max(1, found.count(None))
    return [share if price is None else price for price in found]


_OF_PRICES: Final = {"mid": mid, "last": last, "shared": shared, "uniform": uniform}
MID: Final = Yardstick("mid", {}, mid)
"""The market's mid as it was recorded: what every forecaster is measured against."""
NAMES: Final = (*_OF_PRICES, *_SPREADS_F)


def find(name: str) -> Yardstick | None:
    """The yardstick of that name; None where there is none."""
    if name in _OF_PRICES:
        return Yardstick(name, {}, _OF_PRICES[name])
    found = _FORM.fullmatch(name)
    if found is None or found["source"] not in _SPREADS_F:
        return None
    sd_f = float(found["sd"] or _SPREADS_F[found["source"]])
    return Yardstick(name, {"sd_f": sd_f}, around(found["source"], sd_f)) if sd_f > 0 else None


def around(source: str, sd_f: float) -> Callable[[Inputs], Sequence[float] | NoForecast]:
    """A Normal around what a source expects."""

    def answer(inputs: Inputs) -> Sequence[float] | NoForecast:
        degrees_f = _expected(inputs, source)
        if degrees_f is None:
            return NoForecast(f"no forecast of {source}")
        return bracket_probabilities(degrees_f, sd_f, [one.strike for one in inputs.brackets])

    return answer


def _expected(inputs: Inputs, source: str) -> float | None:
    """The degrees of its newest forecast; of the service's that of the morning."""
    if source == LISTING:
        return listing_centre([one.strike for one in inputs.brackets])
    if source == NDFD:
        morning = (one for one in inputs.forecasts if one.source == SERVICE and one.issued_at.hour == _MORNING_ISSUE)
        return next((one.degrees_f for one in morning), None)
    return next((one.degrees_f for one in inputs.forecasts if one.source == source), None)
