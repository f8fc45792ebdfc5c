"""Fitting the anchored forecaster, walk-forward: each day by earlier days only, and the file by all of them.

- The exponent of a stretch has the most likelihood, less a penalty for its distance from 1.
- The weight of the weather is fitted too, and is used only where it has paid: where the log score of the days
  that it was not fitted to was better by it, with a lower bound above zero. The bound is that of a block bootstrap by
  day, and allows for one bound a stretch: the chance that any weight is taken by luck is ALPHA.

The same data always has the same fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from milkbot.errors import MilkbotError
from milkbot.forecast.anchored import FORM, Anchored
from milkbot.forecast.forecaster import NoForecast
from milkbot.forecast.inputs import Inputs
from milkbot.score.bootstrap import interval
from milkbot.score.recording import Recording
from milkbot.score.samples import MOMENTS, STARTS, Samples, read_samples

LAG_DAYS: Final = 2
"""A day is fitted to days that are earlier by so many: the high of the day before may not be official yet."""
PRIOR_SD: Final = 0.1
"""How far from 1 an exponent (from 0 a weight) is expected before any data."""
LEAST_EXPONENT, MOST_EXPONENT = 1.0, 1.5
"""The market is sharpened and never flattened: to make a long shot dearer would be to bet on it."""
ALPHA: Final = 0.05
LEAST_DAYS: Final = 60
"""Fewer days show nothing of a weight."""
_DIGITS: Final = 4
_SWEEPS: Final = 200
_CLOSE: Final = 1e-7


class FitError(MilkbotError):
    """Data that no forecaster can be fitted to."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Exponent and weight of a stretch."""

    exponent: float = 1.0
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Paid:
    """What the weather's weight was worth on days that it was not fitted to: gain of the log score, in nats.

    `low` is None while there are too few days.
    """

    gain: float
    low: float | None

    @property
    def is_accepted(self) -> bool:
        """Whether the lower bound is above zero."""
        return self.low is not None and self.low > 0.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """One stretch by all of its days. `alone`: without the weather, `mixed`: with it."""

    alone: Pool
    mixed: Pool
    paid: Paid
    events: int
    days: int

    @property
    def pool(self) -> Pool:
        """What is used."""
        return self.mixed if self.paid.is_accepted else self.alone


@dataclass(frozen=True)
class WalkForward:
    """The anchored forecaster as it would have been on each day: by what was known until then."""

    by_day: Mapping[date, Anchored]
    name: str = Anchored.name
    version: str = Anchored.version
    parameters: Mapping[str, object] = field(default_factory=dict)
    needs_weather: bool = False

    def forecast(self, inputs: Inputs) -> Sequence[float] | NoForecast:
        """By the parameters of the climate day."""
        return self.by_day[inputs.climate_day].forecast(inputs)


@dataclass(frozen=True, slots=True)
class Fit:
    """A fit to one recording: its stretches, longest lead first, and the forecaster of each day."""

    recording: Recording
    fingerprint: str
    stretches: tuple[Fitted, ...]
    walk: WalkForward

    def parameters(self, on: date, walked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What the file holds: the numbers, where they come from, and how they did walk-forward."""
        days = sorted({event.day for event in self.recording.events})
        return {
            "form": FORM,
            "fitted_on": on.isoformat(),
            "data": {
                "kind": self.recording.name,
                "sha256": self.fingerprint,
                "events": len(self.recording.events),
                "days": len(days),
                "first_day": days[0].isoformat(),
                "last_day": days[-1].isoformat(),
            },
            "stretches": [
                {
                    "from_hours": start,
                    "exponent": one.pool.exponent,
                    "weight": one.pool.weight,
                    "events": one.events,
                    "days": one.days,
                    "weather": {
                        "weight": one.mixed.weight,
                        "gain": round(one.paid.gain, _DIGITS),
                        "low": None if one.paid.low is None else round(one.paid.low, _DIGITS),
                    },
                }
                for start, one in zip(STARTS, self.stretches, strict=True)
            ],
            "walk_forward": list(walked),
        }


def fit(recording: Recording, moments: Sequence[str] = MOMENTS) -> Fit:
    """Fit to a recording at those decision times. Raises FitError where none of its moments can be used."""
    tables, fingerprint = read_samples(recording, moments)
    days = sorted({event.day for event in recording.events})
    if not any(len(table.days) for table in tables):
        raise FitError(
            f"{recording.name}: at none of its moments do half of an event's brackets have prices that sum to about a "
            "dollar; give data of more events"
        )
    walked = [_walk(table, days) for table in tables]
    by_day = {day: Anchored(_plain([pools[number] for pools, _ in walked])) for number, day in enumerate(days)}
    return Fit(recording, fingerprint, tuple(fitted for _, fitted in walked), WalkForward(by_day))


def _plain(pools: Sequence[Pool]) -> dict[str, Any]:
    rows = [
        {"from_hours": start, "exponent": pool.exponent, "weight": pool.weight}
        for start, pool in zip(STARTS, pools, strict=True)
    ]
    return {"form": FORM, "stretches": rows}


def _walk(table: Samples, days: Sequence[date]) -> tuple[list[Pool], Fitted]:
    """What is used on each day, by earlier ones, and the fit to all."""
    used: list[Pool] = []
    gains = np.full(len(table.days), np.nan)
    alone, mixed = Pool(), Pool()
    for day in days:
        today = day.toordinal()
        past = table.days <= today - LAG_DAYS
        alone, mixed = _fit_both(table.where(past), alone, mixed)
        used.append(mixed if _paid(table, gains, past).is_accepted else alone)
        now = (table.days == today) & table.with_weather
        gains[now] = _log_of_winner(table.where(now), mixed) - _log_of_winner(table.where(now), alone)
    alone, mixed = _fit_both(table, alone, mixed)
    paid = _paid(table, gains, np.ones(len(table.days), dtype=bool))
    return used, Fitted(alone, mixed, paid, len(set(table.events.tolist())), len(set(table.days.tolist())))


def _paid(table: Samples, gains: NDArray[np.float64], chosen: NDArray[np.bool_]) -> Paid:
    """What the weather was worth on the chosen rows that have it."""
    rows = chosen & table.with_weather
    if not rows.any():
        return Paid(0.0, None)
    gain = float(np.average(gains[rows], weights=table.weights[rows]))
    days = [date.fromordinal(int(day)) for day in table.days[rows]]
    if gain <= 0.0 or len(set(days)) < LEAST_DAYS:
        return Paid(gain, None)
    level = 100.0 - 200.0 * ALPHA / len(STARTS)
    found = interval(days, gains[rows].tolist(), table.weights[rows].tolist(), level)
    return Paid(gain, found.low if found else None)


def _fit_both(table: Samples, alone: Pool, mixed: Pool) -> tuple[Pool, Pool]:
    """Without and with the weather, each from where the fit to a day less was."""
    if not len(table.days):
        return alone, mixed
    weathered = table.where(table.with_weather)
    return _most_likely(table, alone, with_weather=False), (
        _most_likely(weathered, mixed, with_weather=True) if len(weathered.days) else mixed
    )


def _most_likely(table: Samples, start: Pool, *, with_weather: bool) -> Pool:
    """The most of the penalised likelihood: Newton's steps in one number after the other, within their bounds.

    The likelihood is concave in both (its second derivatives are variances), so that ends at the one maximum.
    """
    exponent, weight = start.exponent, start.weight
    for _ in range(_SWEEPS):
        before = (exponent, weight)
        slope, bend = _derivatives(table, Pool(exponent, weight), table.market)
        step = (slope - (exponent - 1.0) / PRIOR_SD**2) / (bend + PRIOR_SD**-2)
        exponent = min(max(exponent + step, LEAST_EXPONENT), MOST_EXPONENT)
        if with_weather:
            slope, bend = _derivatives(table, Pool(exponent, weight), table.weather)
            weight = max(0.0, weight + (slope - weight / PRIOR_SD**2) / (bend + PRIOR_SD**-2))
        if abs(exponent - before[0]) + abs(weight - before[1]) < _CLOSE:
            break
    return Pool(round(exponent, _DIGITS), round(weight, _DIGITS))


def _derivatives(table: Samples, pool: Pool, by: NDArray[np.float64]) -> tuple[float, float]:
    """The first derivative of the log-likelihood by the number that multiplies `by`, and the second one, negated."""
    chances = np.exp(_logs(table, pool))
    mean = (chances * by).sum(axis=1)
    variance = (chances * by**2).sum(axis=1) - mean**2
    won = by[np.arange(len(by)), table.winners]
    return float((table.weights * (won - mean)).sum()), float((table.weights * variance).sum())


def _log_of_winner(table: Samples, pool: Pool) -> NDArray[np.float64]:
    logs = _logs(table, pool)
    found: NDArray[np.float64] = logs[np.arange(len(logs)), table.winners]
    return found


def _logs(table: Samples, pool: Pool) -> NDArray[np.float64]:
    """The logarithms of the pool's chances."""
    logs = pool.exponent * table.market
    if pool.weight:
        logs = logs + pool.weight * table.weather
    logs = logs - logs.max(axis=1, keepdims=True, initial=-np.inf)
    found: NDArray[np.float64] = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    return found
