"""What a tick saw of each city's weather, and what is missing of it: for its report, health and metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final

from milkbot.domain.cities import Extreme
from milkbot.trader.decide.proposals import Candidate
from milkbot.trader.decide.strategy import Reason
from milkbot.trader.observe.observation import CityWeather
from milkbot.trader.report import CityReport
from milkbot.weather.measured import Measured

_FORECAST_HOURS: Final = 18
"""Hours of a climate day through which the grid has its maximum: the window of it ends in the evening."""


def weather_report(candidates: Sequence[Candidate], now: datetime) -> dict[str, CityReport]:
    """By city code. Of several events of a city the oldest forecast counts, and the problems of each."""
    events = [next(of_event) for _, of_event in groupby(candidates, key=lambda one: one.seen.event.ticker)]
    codes = dict.fromkeys(one.seen.city.code for one in events)
    return {code: _city_report([one for one in events if one.seen.city.code == code], now) for code in codes}


def _city_report(events: Sequence[Candidate], now: datetime) -> CityReport:
    forecasts = [one.seen.weather.forecast for one in events if one.seen.weather.forecast is not None]
    measured = _measured(events)
    oldest = min(forecasts, key=lambda forecast: forecast.issued_at, default=None)
    return CityReport(
        issued_at=oldest.issued_at if oldest else None,
        cell=str(oldest.cell) if oldest and oldest.cell else None,
        observed_at=max((day.newest.observed_at for day in measured.values() if day.newest is not None), default=None),
        left_out=sum(len(day.left_out) for day in measured.values()),
        problems=tuple(dict.fromkeys(problem for one in events for problem in _problems(one, now))),
    )


def _measured(events: Sequence[Candidate]) -> dict[date, Measured]:
    """By climate day: the high and the low of a day are of the same measurements."""
    return {one.seen.event.climate_day: day for one in events if (day := one.seen.weather.measured) is not None}


def _problems(event: Candidate, now: datetime) -> Iterator[str]:
    reason, weather, seen = event.weather_problem, event.seen.weather, event.seen
    code, day = seen.city.code, f"{seen.event.climate_day:%d %b}"
    if reason is not None and not _is_over(event, reason, now):
        name = f"{code} {day}" if seen.series.extreme is Extreme.HIGH else f"{code} {seen.series.extreme} {day}"
        yield f"{name}: {reason}{_detail(weather)}"
    if weather.measured is not None and weather.measured.many_left_out:
        yield f"{code} {day}: {_left_out(weather.measured)}"


def _is_over(event: Candidate, reason: str, now: datetime) -> bool:
    """Whether there is no forecast of a day any more because its maximum is over."""
    start, _ = event.seen.city.day_bounds(event.seen.event.climate_day)
    silent = event.seen.weather.forecast_error is None
    is_high = event.seen.series.extreme is Extreme.HIGH
    return is_high and reason == Reason.FORECAST_MISSING and silent and now >= start + timedelta(hours=_FORECAST_HOURS)


def _detail(weather: CityWeather) -> str:
    """What the service said, and how old what it has is."""
    said: list[str] = [str(error) for error in (weather.forecast_error, weather.observation_error) if error]
    if weather.forecast is not None:
        said.append(f"forecast of {_stamp(weather.forecast.issued_at)}")
    if weather.measured is not None:
        newest = weather.measured.newest
        said.append(f"last measurement {_stamp(newest.observed_at)}" if newest else "no measurement")
    return "".join(f", {part}" for part in said)


def _left_out(measured: Measured) -> str:
    counted = Counter(str(row.doubt) for row in measured.left_out)
    total = len(measured.left_out) + len(measured.kept)
    return f"{len(measured.left_out)} of {total} measurements left out ({_listed(counted.items())})"


def _listed(counted: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counted))


def _stamp(moment: datetime) -> str:
    return f"{moment:%d %b %H:%M} UTC"
