"""One recorded day as a world: real brackets, real quotes, real forecasts, real outcome."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from milkbot.domain.cities import Series, series_of
from milkbot.domain.markets import Strike, StrikeType, event_ticker
from milkbot.errors import ConfigError
from milkbot.simulator.engine.pause import EASTERN
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.replay.recording import SERIES, Recording
from milkbot.simulator.replay.tape import Tape
from milkbot.simulator.replay.weather import RecordedWeather
from milkbot.simulator.world.listing import DETERMINED, LAST_MINUTE, OPENS, created_at

AFTER_SETTLEMENT = timedelta(minutes=35)
"""Until a tick has read the results: the first one of each half hour does."""


class RecordedWorld:
    """A recording that can be traded. Raises ConfigError when its outcome contradicts its official high."""

    def __init__(self, recording: Recording, depth: int) -> None:
        day = recording.day
        series = series_of(SERIES)
        eve = day - timedelta(days=1)
        tape = Tape(recording.quotes, depth)
        self.house = tape
        self.weather = RecordedWeather(series.city, day, recording.issues)
        self.series: tuple[Series, ...] = (series,)
        self.name = f"the recorded day {day} at depth {depth}"
        self.plan = EventPlan(
            series=series,
            day=day,
            strikes=_strikes(event_ticker(SERIES, day), sorted(tape.tracks)),
            created_at=created_at(day),
            opens_at=datetime.combine(eve, OPENS, EASTERN).astimezone(UTC),
            closes_at=datetime.combine(day + timedelta(days=1), time(0), EASTERN).astimezone(UTC) - LAST_MINUTE,
            determined_at=datetime.combine(day + timedelta(days=1), DETERMINED, UTC),
        )
        first = recording.quotes[0].at
        self.starts_at = first.replace(second=0, microsecond=0) + timedelta(minutes=1)
        self.ends_at: datetime | None = self.plan.finalized_at + AFTER_SETTLEMENT
        self._high = self._checked_high(recording)

    def created_between(self, after: datetime, until: datetime) -> list[EventPlan]:
        """The one event."""
        return [self.plan] if after < self.plan.created_at <= until else []

    def official(self, plan: EventPlan) -> int:  # noqa: ARG002 - there is one event
        """The recorded high, or where only the winner is known, the degree of its bracket nearest to the others."""
        return self._high

    def _checked_high(self, recording: Recording) -> int:
        last = {row.ticker: row.yes_bid - row.no_bid for row in recording.quotes}
        winner = max(self.plan.strikes, key=lambda strike: last[self.plan.market_ticker(strike)])
        high = recording.high
        if high is None:
            return nearest_degree(winner)
        if not winner.contains(high):
            ticker = self.plan.market_ticker(winner)
            raise ConfigError([f"the recorded high of {self.plan.day} is {high}, but the last quotes say {ticker}"])
        return high


def _strikes(event: str, tickers: list[str]) -> tuple[Strike, ...]:
    """The brackets in the order of temperature. A tail's direction follows from its place, as both are written T."""
    inner, tails = [], []
    for ticker in tickers:
        kind, value = ticker.removeprefix(f"{event}-")[:1], float(ticker.removeprefix(f"{event}-")[1:])
        if kind == "B":
            inner.append(Strike(StrikeType.BETWEEN, int(value - 0.5), int(value + 0.5)))
        else:
            tails.append(int(value))
    inner.sort(key=lambda strike: strike.lower_edge)
    middle = inner[len(inner) // 2].floor or 0
    below = [Strike(StrikeType.LESS, cap=value) for value in tails if value <= middle]
    above = [Strike(StrikeType.GREATER, floor=value) for value in tails if value > middle]
    return (*below, *inner, *above)


def nearest_degree(strike: Strike) -> int:
    """The degree of a bracket that is nearest to the others."""
    if strike.kind is StrikeType.LESS and strike.cap is not None:
        return strike.cap - 1
    return (strike.floor or 0) + (strike.kind is StrikeType.GREATER)
