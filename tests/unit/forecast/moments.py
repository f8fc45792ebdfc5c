"""One event of New York's high as of a moment, for the tests of forecasters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from milkbot.domain.cities import series_of
from milkbot.domain.markets import Strike, StrikeType
from milkbot.domain.units import Price
from milkbot.forecast.inputs import Bracket, Inputs, Measurements, PointForecast, Quote, Reading

DAY = date(2026, 7, 16)
NOON = datetime(2026, 7, 16, 16, 0, tzinfo=UTC)
"""Noon in New York, in summer: 11:00 in standard time."""
LADDER = (
    Strike(StrikeType.LESS, cap=84),
    Strike(StrikeType.BETWEEN, floor=84, cap=85),
    Strike(StrikeType.BETWEEN, floor=86, cap=87),
    Strike(StrikeType.BETWEEN, floor=88, cap=89),
    Strike(StrikeType.BETWEEN, floor=90, cap=91),
    Strike(StrikeType.GREATER, floor=91),
)


def quote(bid: str | None, ask: str | None, *, age: timedelta = timedelta(seconds=1)) -> Quote:
    """A quote in dollars that was received so long before noon."""
    sides = [None if side is None else Price(Decimal(side)) for side in (bid, ask)]
    return Quote(sides[0], sides[1], NOON - age, NOON - age)


def event(*quotes: Quote | None, mean_f: float | None = 87.0, so_far_f: float | None = None) -> Inputs:
    """As many brackets as quotes, the warmest one open at its end; or the whole ladder without any."""
    listed = quotes or (None,) * len(LADDER)
    ladder = LADDER[: len(listed)]
    if 1 < len(ladder) < len(LADDER):
        ladder = (*ladder[:-1], Strike(StrikeType.GREATER, floor=int(ladder[-2].upper_edge - 0.5)))
    brackets = tuple(
        Bracket(f"KXHIGHNY-26JUL16-{number}", strike, given)
        for number, (strike, given) in enumerate(zip(ladder, listed, strict=True))
    )
    issued, received = NOON - timedelta(hours=3), NOON - timedelta(minutes=1)
    falls_at = NOON + timedelta(hours=4)
    forecasts = () if mean_f is None else (PointForecast("nws", mean_f, falls_at, issued, received),)
    measured = None
    if so_far_f is not None:
        measured = Measurements(so_far_f, (Reading(so_far_f, NOON - timedelta(minutes=9)),), issued, received)
    return Inputs(NOON, series_of("KXHIGHNY"), DAY, "KXHIGHNY-26JUL16", brackets, forecasts, measured)
