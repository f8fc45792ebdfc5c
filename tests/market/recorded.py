"""The books of the recorded market: quotes of December 2025, and what the tape of 2024-25 has in their place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from tests.market.books import Books

from milkbot.domain.units import Price
from milkbot.score.events import RecordedEvent
from milkbot.score.load import load
from milkbot.score.recording import Recording


def read(folder: Path, kind: str) -> Recording:
    """The `tape` or the `quotes` of the folder of recorded data."""
    return load(folder, kind)[0]


def books(recording: Recording, event: RecordedEvent, at: datetime) -> Books:
    """What was known just before that moment. The recorded days have no measurements."""
    inputs = recording.inputs(event, at)
    quotes = [bracket.quote for bracket in inputs.brackets]
    forecasts = inputs.forecasts if recording.forecasts is not None else ()
    return Books(
        day=event.day,
        hour=(at - event.series.city.day_bounds(event.day)[0]) / timedelta(hours=1),
        strikes=tuple(bracket.strike for bracket in event.brackets),
        bids=tuple(_cents(quote.bid, 0) if quote else 0 for quote in quotes),
        asks=tuple(_cents(quote.ask, 100) if quote else 1 for quote in quotes),
        winner=event.winner,
        forecast=forecasts[0].degrees_f if forecasts else None,
    )


def hourly(recording: Recording) -> Iterator[Books]:
    """Each event at each whole hour of its city's standard time, as long as all its brackets were seen."""
    for event in recording.events:
        start, end = event.series.city.day_bounds(event.day)
        at = start - timedelta(hours=14)
        while at < end:
            found = recording.inputs(event, at)
            if all(bracket.quote is not None for bracket in found.brackets):
                yield books(recording, event, at)
            at += timedelta(hours=1)


def _cents(price: Price | None, none: int) -> int:
    return none if price is None else int(100 * price)
