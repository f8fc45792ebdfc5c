"""One kind of recorded data in memory: settled events, and what was known of them as of any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final, Protocol

from milkbot.domain.units import Price
from milkbot.forecast import inputs as forecast_inputs
from milkbot.forecast.inputs import Inputs, Measurements, PointForecast, Quote, Trade
from milkbot.score.events import DataError, RecordedEvent

LISTING: Final = "listing"
PERSISTENCE: Final = "persistence"
HOTTEST: Final = timedelta(hours=15)
"""When the high is expected, after the start of the climate day."""
_REPORTED_AFTER: Final = timedelta(hours=6)
"""The climate report of a day is out by then, after the end of the day."""


class LookAheadError(DataError):
    """Something that was not known at a moment was given out as known then. Every score of it is worthless."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of one market. `quote`: what stood for the market's opinion; `bid` and `ask`: what a taker could
    have sold and bought YES at, None where nothing says so; `trades`: the last ones, oldest first.
    """

    quote: Quote | None = None
    bid: Price | None = None
    ask: Price | None = None
    trades: tuple[Trade, ...] = ()


class Prices(Protocol):
    """The recorded prices of all markets."""

    def known(self, event: RecordedEvent, moment: datetime) -> Sequence[Known]:
        """For each bracket of the event what was recorded strictly before the moment."""
        ...


@dataclass(frozen=True)
class Recording:
    """`name` is what the command calls it; `events` are in the order of their days, then of their tickers.

    `forecasts` are the weather service's by the event's ticker, the newest first. Where none were recorded (None), what
    the listing of the event and the high of the day before say stands for them, in this order. `measured` is what was
    received of the station's reports of the day before a moment; None where none were recorded.
    """

    name: str
    title: str
    events: tuple[RecordedEvent, ...]
    prices: Prices
    forecasts: Mapping[str, Sequence[PointForecast]] | None = None
    measured: Callable[[RecordedEvent, datetime], Measurements | None] | None = None

    def inputs(self, event: RecordedEvent, moment: datetime) -> Inputs:
        """What a forecaster may know: records whose time is strictly before the moment, and no others.

        Raises LookAheadError where the recorded prices hand out a later one.
        """
        known = self.prices.known(event, moment)
        for bracket, seen in zip(event.brackets, known, strict=True):
            stamps = [one.issued_at for one in (*seen.trades, *((seen.quote,) if seen.quote else ()))]
            if any(stamp >= moment for stamp in stamps):
                raise LookAheadError(
                    f"{bracket.ticker}: a record of {max(stamps):%Y-%m-%d %H:%M:%S.%f} UTC was given out as known at "
                    f"{moment:%Y-%m-%d %H:%M:%S} UTC; the reader of {self.name} is wrong, do not use its scores"
                )
        return Inputs(
            as_of=moment,
            series=event.series,
            climate_day=event.day,
            event_ticker=event.ticker,
            brackets=tuple(
                forecast_inputs.Bracket(one.ticker, one.strike, seen.quote, seen.trades)
                for one, seen in zip(event.brackets, known, strict=True)
            ),
            forecasts=tuple(one for one in self._forecasts(event) if one.received_at < moment),
            measured=self.measured(event, moment) if self.measured else None,
        )

    @cached_property
    def _highs(self) -> Mapping[tuple[str, date], int | None]:
        return {(event.series.ticker, event.day): event.high for event in self.events}

    def _forecasts(self, event: RecordedEvent) -> Iterator[PointForecast]:
        if self.forecasts is not None:
            yield from self.forecasts.get(event.ticker, ())
            return
        starts = event.series.city.day_bounds(event.day)[0]
        centre, before = event.listing_centre, self._highs.get((event.series.ticker, event.day - timedelta(days=1)))
        if centre is not None:
            yield PointForecast(LISTING, centre, starts + HOTTEST, event.opened_at, event.opened_at)
        if before is not None:
            yield PointForecast(PERSISTENCE, before, starts + HOTTEST, starts, starts + _REPORTED_AFTER)

    def taker_prices(self, event: RecordedEvent, moment: datetime) -> tuple[tuple[Price | None, Price | None], ...]:
        """For each bracket the best bid and ask for YES that a taker had, None where there was none."""
        return tuple((seen.bid, seen.ask) for seen in self.prices.known(event, moment))
