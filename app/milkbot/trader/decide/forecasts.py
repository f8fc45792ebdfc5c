"""The forecasts of a tick: the live forecaster's, by which it decides, and its challengers', which only count.

A challenger is asked after the orders were sent, of the same inputs: however slow it is, no order waits for it. It is
asked once an hour for each event: it is scored at fixed lead times, and those are whole hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from milkbot.domain.modes import TradingMode
from milkbot.forecast.forecaster import Identity
from milkbot.forecast.host import Failure, Host, Outcome
from milkbot.forecast.inputs import Bracket, Inputs, Measurements, PointForecast, Quote, Reading
from milkbot.settings import Settings
from milkbot.trader.decide.strategy import EventForecast, Reason
from milkbot.trader.limits import limits_of
from milkbot.trader.observe.observation import CityWeather, Observed
from milkbot.trader.observe.snapshots import SnapshotIds
from milkbot.weather.errors import ElsewhereError
from milkbot.weather.measured import OLDEST

log = structlog.get_logger(__name__)

LIVE_SECONDS: Final = 10.0
"""How long the live forecaster may take for all events of a tick: the books grow old meanwhile."""
CHALLENGERS_SECONDS: Final = 10.0
"""How long all challengers together may take: the next tick waits for them."""
_NO_ANSWER: Final = Outcome(None)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a forecaster answered of one event, or why it was not asked: what it needs of the weather is missing."""

    seen: Observed
    forecaster: str
    is_live: bool
    identity: Identity | None
    as_of: datetime
    outcome: Outcome
    weather_problem: Reason | None

    @property
    def reason(self) -> Reason | None:
        """Why nothing is traded by it, None where it has probabilities."""
        if self.outcome.probabilities is not None:
            return None
        return self.weather_problem if self.outcome.failure is None else Reason(self.outcome.failure)

    @property
    def needs_weather(self) -> bool:
        """Whether the forecaster does; one that did not start is taken to."""
        return self.identity is None or self.identity.needs_weather

    @property
    def decided_by(self) -> EventForecast:
        """What the strategy has to know of it."""
        return EventForecast(self.outcome.probabilities, self.reason)

    def row(self, mode: TradingMode, tick_id: int, ids: SnapshotIds) -> dict[str, Any]:
        """The columns of its row; `ids` are of the snapshots of its inputs."""
        event, outcome = self.seen.event, self.outcome
        return {
            "trading_mode": mode,
            "tick_id": tick_id,
            "event_ticker": event.ticker,
            "climate_day": event.climate_day,
            "forecaster": self.forecaster,
            "is_live": self.is_live,
            "version": self.identity.version if self.identity else None,
            "parameters_hash": self.identity.parameters_hash if self.identity else None,
            "as_of": self.as_of,
            "lead_s": (self.seen.city.day_bounds(event.climate_day)[1] - self.as_of) // timedelta(seconds=1),
            "probabilities": outcome.probabilities,
            "reason": self.reason,
            "detail": outcome.detail or None,
            "elapsed_ms": outcome.elapsed_ms,
            "weather_snapshot_id": ids.weather[event.ticker],
            "market_snapshot_ids": [ids.market[market.ticker] for market in event.markets],
        }


class Forecasters:
    """The forecasters that the settings name, begun when they are first asked."""

    def __init__(self, settings: Settings) -> None:
        self._live_name = settings.forecaster
        self.challengers = settings.forecaster_shadow
        self._max_age = limits_of(settings).forecast_age
        self._hosts: dict[str, Host] = {}

    def live(self, observed: Sequence[Observed], now: datetime) -> dict[str, Forecast]:
        """The forecast of each event that the trader decides by, by its ticker."""
        host = self._host(self._live_name, LIVE_SECONDS)
        made = {seen.event.ticker: self._ask(host, seen, now, is_live=True) for seen in observed}
        _warn(made.values())
        return made

    def challenge(
        self, observed: Sequence[Observed], as_of: datetime, known: AbstractSet[tuple[str, str]]
    ) -> list[Forecast]:
        """What each challenger answers of each event that is not `known` to have been asked of it already."""
        made: list[Forecast] = []
        for name in self.challengers:
            host = self._host(name, CHALLENGERS_SECONDS / len(self.challengers))
            due = [seen for seen in observed if (name, seen.event.ticker) not in known]
            asked = [self._ask(host, seen, as_of, is_live=False) for seen in due]
            _warn(asked)
            made += asked
        return made

    def close(self) -> None:
        """End their processes."""
        for host in self._hosts.values():
            host.close()
        self._hosts.clear()

    def _host(self, name: str, seconds: float) -> Host:
        if name not in self._hosts:
            self._hosts[name] = Host(name, seconds)
        self._hosts[name].begin()
        return self._hosts[name]

    def _ask(self, host: Host, seen: Observed, as_of: datetime, *, is_live: bool) -> Forecast:
        problem = weather_problem(seen, self._max_age, as_of)
        identity = host.identity()
        if problem is not None and identity is not None and identity.needs_weather:
            outcome = _NO_ANSWER
        else:
            outcome = _answer(host, seen, as_of)
        return Forecast(seen, host.name, is_live, identity, as_of, outcome, problem)


def inputs_of(seen: Observed, as_of: datetime) -> Inputs:
    """What was read of an event, as a forecaster is given it. Raises ValueError where the clock ran backwards."""
    event = seen.event
    return Inputs(
        as_of=as_of,
        series=seen.series,
        climate_day=event.climate_day,
        event_ticker=event.ticker,
        brackets=tuple(Bracket(market.ticker, market.strike, _quote(seen, market.ticker)) for market in event.markets),
        forecasts=tuple(_forecasts(seen.weather)),
        measured=_measured(seen, as_of),
    )


def weather_problem(seen: Observed, max_age: timedelta, now: datetime) -> Reason | None:
    """What is missing of an event's weather; `max_age` is of the forecast."""
    return _forecast_problem(seen.weather, max_age, now) or _observation_problem(seen, now)


def _answer(host: Host, seen: Observed, as_of: datetime) -> Outcome:
    try:
        return host.forecast(inputs_of(seen, as_of))
    except ValueError as error:
        return Outcome(None, Failure.FAILED, str(error))


def _warn(forecasts: Iterable[Forecast]) -> None:
    """One line of the log for each reason: what happens to one event happens to most."""
    failed: dict[Failure, list[Forecast]] = {}
    for one in forecasts:
        if one.outcome.failure is not None:
            failed.setdefault(one.outcome.failure, []).append(one)
    for failure, of_it in failed.items():
        first = of_it[0]
        log.warning(
            "no forecast",
            forecaster=first.forecaster,
            reason=failure,
            events=len(of_it),
            first=first.seen.event.ticker,
            detail=first.outcome.detail,
        )


def _quote(seen: Observed, ticker: str) -> Quote | None:
    orderbook = seen.orderbooks.get(ticker)
    if orderbook is None:
        return None
    bid, ask = orderbook.best_yes_bid, orderbook.best_yes_ask
    at = orderbook.captured_at
    return Quote(bid.price if bid else None, ask.price if ask else None, at, at)


def _forecasts(weather: CityWeather) -> Iterator[PointForecast]:
    one = weather.forecast
    if one is not None:
        yield PointForecast("nws", one.degrees_f, one.falls_at, one.issued_at, one.fetched_at)


def _measured(seen: Observed, as_of: datetime) -> Measurements | None:
    measured = seen.weather.measured
    if measured is None or measured.newest is None:
        return None
    return Measurements(
        so_far_f=measured.so_far(seen.series.extreme),
        readings=tuple(Reading(one.temperature_f, one.observed_at) for one in measured.kept),
        issued_at=measured.newest.observed_at,
        received_at=seen.weather.measured_at or as_of,
    )


def _forecast_problem(weather: CityWeather, max_age: timedelta, now: datetime) -> Reason | None:
    if isinstance(weather.forecast_error, ElsewhereError):
        return Reason.FORECAST_ELSEWHERE
    if weather.forecast is None:
        return Reason.FORECAST_MISSING
    return Reason.FORECAST_STALE if now - weather.forecast.issued_at > max_age else None


def _observation_problem(seen: Observed, now: datetime) -> Reason | None:
    """A day that has begun is traded by what was measured of it: blind to that, the market knows more."""
    start, end = seen.city.day_bounds(seen.event.climate_day)
    if not start <= now < end:
        return None
    if seen.weather.measured is None:
        return Reason.OBSERVATION_UNAVAILABLE
    newest = seen.weather.measured.newest
    if newest is None:
        return Reason.OBSERVATION_MISSING
    return Reason.OBSERVATION_STALE if now - newest.observed_at > OLDEST else None
