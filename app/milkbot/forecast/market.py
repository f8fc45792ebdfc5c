"""The market as a forecaster: the mid of each bracket's quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from milkbot.domain.chances import LEAST
from milkbot.forecast.forecaster import NoForecast
from milkbot.forecast.inputs import Inputs, Quote

MAX_AGE: Final = timedelta(minutes=2)
"""A quote that was received longer ago says nothing of now."""


class Market:
    """Probability = the mid of the quotes. Without any fresh quote there is no forecast."""

    name = "market"
    version = "1"
    needs_weather = False

    @property
    def parameters(self) -> Mapping[str, object]:
        """The floor in dollars, and the oldest quote in seconds."""
        return {"floor": LEAST, "max_age_s": MAX_AGE.total_seconds()}

    def forecast(self, inputs: Inputs) -> Sequence[float] | NoForecast:
        """The mids, none below the floor. They are not made to sum to one here: who scores them wants the prices."""
        mids = [fresh_mid(bracket.quote, inputs) for bracket in inputs.brackets]
        if all(mid is None for mid in mids):
            return NoForecast("no bracket has a fresh quote")
        return [LEAST if mid is None else max(mid, LEAST) for mid in mids]


def fresh_mid(quote: Quote | None, inputs: Inputs) -> float | None:
    """The mid of a quote in dollars, None where there is none or the quote is old."""
    if quote is None or inputs.as_of - quote.received_at > MAX_AGE:
        return None
    return None if quote.mid is None else float(quote.mid)
