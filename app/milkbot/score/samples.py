"""What the anchored forecaster is fitted to: the market's and the weather's distributions of past events, hour by hour.

An event counts once in a stretch of lead times, however many of its moments are in it. Left out are the moments at
which the mids do not sum to about a dollar: a tape holds prices of different hours then, and an exponent fitted to them
would correct their age. Quotes of one moment have no such fault.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from milkbot.domain.chances import to_one
from milkbot.forecast.anchored import market_of, stretch_number
from milkbot.forecast.forecaster import NoForecast
from milkbot.forecast.market import Market
from milkbot.forecast.normal import Normal
from milkbot.score.moments import DecisionTime, parse
from milkbot.score.recording import Recording

STARTS: Final = (31.5, 24.5, 17.5, 12.5, 8.5, 0.0)
"""Where the stretches begin, in hours before the end of the climate day. The evening of the day before begins at 31 (in
summer) or 30, the night at 25 or 24, the morning at 07:00 at 18 or 17, noon at 13 or 12: no usual hour is a bound."""
MOMENTS: Final = tuple(f"prev{hour}" for hour in range(12, 24)) + tuple(f"day{hour:02}" for hour in range(22))
"""From when the exchange lists an event until its high is long past."""
COHERENT: Final = (0.93, 1.07)
"""Dollars that the mids of an event sum to while they are of about one moment."""
_NO_BRACKET: Final = -1e9
"""The logarithm of the chance of a bracket that an event does not have: small enough to be none."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The moments of one stretch, a row each, earliest day first.

    `days`: ordinals of the climate days; `events`: numbers of the events; `market`, `weather`: logarithms of the
    chances of each bracket, NaN where there was no weather; `winners`: numbers of the brackets that won; `weights`: of
    the rows, those of an event sum to one.
    """

    days: NDArray[np.int64]
    events: NDArray[np.int64]
    market: NDArray[np.float64]
    weather: NDArray[np.float64]
    winners: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def with_weather(self) -> NDArray[np.bool_]:
        """Which rows have a distribution of the weather's model."""
        return ~np.isnan(self.weather[:, 0])

    def where(self, chosen: NDArray[np.bool_]) -> Samples:
        """Those rows."""
        return Samples(
            self.days[chosen],
            self.events[chosen],
            self.market[chosen],
            self.weather[chosen],
            self.winners[chosen],
            self.weights[chosen],
        )


@dataclass(frozen=True, slots=True)
class _Row:
    stretch: int
    day: int
    event: int
    market: Sequence[float]
    weather: Sequence[float] | None
    winner: int


def read_samples(recording: Recording, moments: Sequence[str]) -> tuple[tuple[Samples, ...], str]:
    """The samples of each stretch at those decision times, and the data's fingerprint: the SHA-256 of all they hold."""
    found = list(_rows(recording, [parse(name) for name in moments]))
    most = max((len(row.market) for row in found), default=1)
    digest = hashlib.sha256()
    for row in found:
        digest.update(repr((recording.events[row.event].ticker, row)).encode())
    stretches = range(len(STARTS))
    return tuple(_stacked([row for row in found if row.stretch == one], most) for one in stretches), digest.hexdigest()


def _rows(recording: Recording, times: Sequence[DecisionTime]) -> Iterator[_Row]:
    for number, event in enumerate(recording.events):
        for at in times:
            inputs = recording.inputs(event, at.of(event))
            mids, market = Market().forecast(inputs), market_of(inputs)
            if isinstance(mids, NoForecast) or isinstance(market, NoForecast):
                continue
            if not COHERENT[0] <= sum(mids) <= COHERENT[1]:
                continue
            weather = Normal().forecast(inputs)
            yield _Row(
                stretch_number(STARTS, inputs),
                event.day.toordinal(),
                number,
                [math.log(chance) for chance in market],
                None if isinstance(weather, NoForecast) else [math.log(chance) for chance in to_one(weather)],
                event.winner,
            )


def _stacked(rows: Sequence[_Row], brackets: int) -> Samples:
    events = np.array([row.event for row in rows], dtype=np.int64)
    market = np.full((len(rows), brackets), _NO_BRACKET)
    weather = np.full((len(rows), brackets), np.nan)
    for number, row in enumerate(rows):
        market[number, : len(row.market)] = row.market
        if row.weather is not None:
            weather[number] = 0.0
            weather[number, : len(row.weather)] = row.weather
    counts = np.bincount(events) if len(rows) else np.ones(1)
    return Samples(
        days=np.array([row.day for row in rows], dtype=np.int64),
        events=events,
        market=market,
        weather=weather,
        winners=np.array([row.winner for row in rows], dtype=np.int64),
        weights=1.0 / counts[events] if len(rows) else np.zeros(0),
    )
