"""Recorded days of all series as a world: books in their depth, raw forecasts and observations, real results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any

from milkbot.domain.cities import City, Series, all_series
from milkbot.domain.markets import Strike, StrikeType, climate_day
from milkbot.errors import ConfigError
from milkbot.simulator.engine.plan import SETTLEMENT_TIMER, EventPlan, Quote, Take
from milkbot.simulator.replay.span import Seen, Span
from milkbot.simulator.replay.tape import RECORDED, SILENCE
from milkbot.simulator.replay.world import AFTER_SETTLEMENT, nearest_degree
from milkbot.simulator.weather import Forecast, Reading

_LISTED_BEFORE = timedelta(hours=47)
"""Within the time that a new exchange looks back for what it lists."""


class RecordedBooks:
    """The house of recorded days: at each run's moment the book is what was recorded, whatever was taken before."""

    def __init__(self, books: Mapping[str, Seen]) -> None:
        self._books = books

    def moments(self, plan: EventPlan, ticker: str, after: datetime, until: datetime) -> Iterable[datetime]:  # noqa: ARG002 - a recorded book needs no plan
        """The runs in (after, until]."""
        seen = self._books.get(ticker, Seen())
        return seen.times[seen.until(after) : seen.until(until)]

    def latest_moment(self, plan: EventPlan, ticker: str, until: datetime) -> datetime | None:  # noqa: ARG002 - as above
        """The last run; where there was none for an hour, the end of that hour: nobody can say what stood then."""
        seen = self._books.get(ticker, Seen())
        known = seen.until(until)
        return None if not known else _shown_until(seen.times[known - 1], until)

    def quotes(self, plan: EventPlan, strike: Strike, at: datetime, inventory: Mapping[str, int]) -> list[Quote]:  # noqa: ARG002 - a recording does not react
        """Every level of the recorded book. Each run's are new ones, whatever was taken."""
        seen = self._books.get(plan.market_ticker(strike), Seen())
        known = seen.until(at)
        if not known or at - seen.times[known - 1] >= SILENCE:
            return []
        pairs = zip(*[iter(seen.values[known - 1])] * 2, strict=True)
        return [
            Quote(RECORDED, f"{'bid' if lots > 0 else 'ask'} {cents}", lots > 0, cents, abs(lots), known)
            for cents, lots in pairs
        ]

    def takes(self, plan: EventPlan, strike: Strike, at: datetime, since: datetime | None) -> list[Take]:  # noqa: ARG002 - see below
        """Nobody takes: which recorded trade would have met an order of ours cannot be known."""
        return []


class RecordedReplies:
    """The weather service's raw replies, each from its receipt on."""

    def __init__(self, span: Span, served: tuple[City, ...]) -> None:
        self._span = span
        self.cities = served

    def forecast(self, city: City, now: datetime) -> Forecast | None:
        """The newest grid that had been received."""
        seen = self._span.grids.get(city.station, Seen())
        known = seen.until(now)
        if not known:
            return None
        raw = seen.values[known - 1]
        return Forecast(datetime.fromisoformat(raw["properties"]["updateTime"]), {}, {}, {}, raw)

    def readings(self, city: City, start: datetime, end: datetime, now: datetime) -> list[Reading]:
        """The reports of that time that had been received, newest first; a corrected one instead of the earlier."""
        seen = self._span.observations.get(city.station, Seen())
        found = {datetime.fromisoformat(raw["properties"]["timestamp"]): raw for raw in seen.values[: seen.until(now)]}
        return [Reading(at, 0, raw=found[at]) for at in sorted(found, reverse=True) if start <= at <= end]


class RecordedSpan:
    """Recorded days that can be traded. They end when the last of them has paid out, or with the recording."""

    def __init__(self, span: Span, last_day: date, name: str) -> None:
        if span.first is None or span.last is None:
            raise ConfigError([f"{name} hold no run of the recorder"])
        self.house = RecordedBooks(span.books)
        self.series: tuple[Series, ...] = tuple(one for one in all_series() if one.ticker in span.series)
        self.weather = RecordedReplies(span, tuple(dict.fromkeys(one.city for one in self.series)))
        self.name = name
        self.starts_at = _next_minute(span.first)
        self._last = span.last
        self._bodies = {ticker: seen.values[-1] for ticker, seen in span.events.items()}
        served = {one.ticker: one for one in self.series}
        self.plans = sorted(
            (
                self._plan(served[seen.values[-1]["series_ticker"]], ticker, seen)
                for ticker, seen in span.events.items()
                if seen.values[-1]["series_ticker"] in served
            ),
            key=lambda plan: (plan.created_at, plan.ticker),
        )
        paid = [plan.finalized_at + AFTER_SETTLEMENT for plan in self.plans if plan.day <= last_day]
        self.ends_at: datetime | None = min(max(paid, default=span.last), span.last)

    def created_between(self, after: datetime, until: datetime) -> list[EventPlan]:
        """The events that were recorded."""
        return [plan for plan in self.plans if after < plan.created_at <= until]

    def official(self, plan: EventPlan) -> int:
        """The degrees by which the exchange settled; where it names none, the winner's nearest to the others."""
        markets = self._bodies[plan.ticker]["markets"]
        ((winner, row),) = [(s, m) for s, m in zip(plan.strikes, markets, strict=True) if m["result"] == "yes"]
        try:
            degrees = int(Decimal(row["expiration_value"]))
        except (InvalidOperation, ValueError):
            return nearest_degree(winner)
        return degrees if winner.contains(degrees) else nearest_degree(winner)

    def _plan(self, series: Series, ticker: str, seen: Seen) -> EventPlan:
        markets = seen.values[-1]["markets"]
        opens = min(datetime.fromisoformat(market["open_time"]) for market in markets)
        created = min(datetime.fromisoformat(market.get("created_time") or market["open_time"]) for market in markets)
        plan = EventPlan(
            series=series,
            day=climate_day(ticker),
            strikes=tuple(_strike(market) for market in markets),
            created_at=max(created, self.starts_at - _LISTED_BEFORE),
            opens_at=opens,
            closes_at=max(datetime.fromisoformat(market["close_time"]) for market in markets),
            determined_at=self._determined(seen),
        )
        for strike, market in zip(plan.strikes, markets, strict=True):
            if plan.market_ticker(strike) != market["ticker"]:
                raise ConfigError([f"the recorded market {market['ticker']} has another strike: {strike}"])
        return plan

    def _determined(self, seen: Seen) -> datetime:
        """An hour before it paid out; where that was not recorded, when the result was seen; else after the end."""
        paid = [market.get("settlement_ts") for market in seen.values[-1]["markets"]]
        if all(paid):
            return max(map(datetime.fromisoformat, paid)) - SETTLEMENT_TIMER
        known = (at for at, body in zip(seen.times, seen.values, strict=True) if _has_result(body))
        return next(chain(known, [self._last + timedelta(days=1)]))


def _has_result(body: dict[str, Any]) -> bool:
    return all(market.get("result") in ("yes", "no") for market in body["markets"])


def _strike(market: dict[str, Any]) -> Strike:
    floor, cap = (market.get(name) for name in ("floor_strike", "cap_strike"))
    return Strike(
        StrikeType(market["strike_type"]), None if floor is None else int(floor), None if cap is None else int(cap)
    )


def _next_minute(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)


def _shown_until(at: datetime, until: datetime) -> datetime:
    return at if until - at < SILENCE else at + SILENCE
