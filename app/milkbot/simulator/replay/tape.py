"""The recorded best quotes as a house: they stand at their times, with a depth that was not recorded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from milkbot.domain.markets import Strike
from milkbot.simulator.engine.plan import EventPlan, Quote, Take
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT
from milkbot.simulator.replay.recording import QuoteRow

RECORDED = "house:recorded"
SILENCE = timedelta(minutes=60)
"""Six markets never stand still that long in daytime: the recorder was away, so nobody can say what stood then."""
LOWEST, HIGHEST = 1, 99


@dataclass(frozen=True, slots=True)
class Best:
    """The YES leg's best prices in cents, None for an empty side, each with the number of its last change."""

    bid: int | None
    bid_stamp: int
    ask: int | None
    ask_stamp: int


@dataclass(slots=True)
class Track:
    """One market's changes in time order."""

    times: list[datetime] = field(default_factory=list)
    best: list[Best] = field(default_factory=list)

    def add(self, row: QuoteRow) -> None:
        """Note the next change. A bid at or above the ask is a trade seen half-way: the older of the two is gone."""
        stamp = len(self.times)
        bid = row.yes_bid if LOWEST <= row.yes_bid <= HIGHEST else None
        ask = 100 - row.no_bid if LOWEST <= row.no_bid <= HIGHEST else None
        last = self.best[-1] if self.best else Best(None, -1, None, -1)
        bid_stamp = last.bid_stamp if last.bid == bid else stamp
        ask_stamp = last.ask_stamp if last.ask == ask else stamp
        if bid is not None and ask is not None and bid >= ask:
            if bid_stamp > ask_stamp:
                ask, ask_stamp = None, stamp
            else:
                bid, bid_stamp = None, stamp
        self.times.append(row.at)
        self.best.append(Best(bid, bid_stamp, ask, ask_stamp))

    def until(self, moment: datetime) -> int:
        """How many changes have happened by then."""
        return bisect_right(self.times, moment)


class Tape:
    """The house of a recorded day. `depth` contracts stand at each best price; what is taken remains taken until
    that side's price changes in the recording. When the recorder was silent, the quotes are withdrawn.
    """

    def __init__(self, rows: Iterable[QuoteRow], depth: int) -> None:
        self._lots = depth * LOTS_PER_CONTRACT
        self.tracks: dict[str, Track] = {}
        last: datetime | None = None
        for row in rows:
            if last is not None and row.at - last > SILENCE:
                self._withdraw(last + SILENCE)
            self.tracks.setdefault(row.ticker, Track()).add(row)
            last = row.at
        if last is not None:
            self._withdraw(last + SILENCE)

    def _withdraw(self, at: datetime) -> None:
        for ticker, track in self.tracks.items():
            track.add(QuoteRow(at, ticker, 0, 0))

    def moments(self, plan: EventPlan, ticker: str, after: datetime, until: datetime) -> Iterable[datetime]:  # noqa: ARG002 - a recording has one event
        """The recorded changes in (after, until]."""
        track = self.tracks[ticker]
        return track.times[track.until(after) : track.until(until)]

    def latest_moment(self, plan: EventPlan, ticker: str, until: datetime) -> datetime | None:  # noqa: ARG002 - as above
        """The last recorded change."""
        track = self.tracks[ticker]
        known = track.until(until)
        return track.times[known - 1] if known else None

    def quotes(self, plan: EventPlan, strike: Strike, at: datetime, inventory: Mapping[str, int]) -> list[Quote]:  # noqa: ARG002 - a recording does not react
        """The recorded best prices."""
        track = self.tracks[plan.market_ticker(strike)]
        known = track.until(at)
        if not known:
            return []
        best = track.best[known - 1]
        quotes = []
        if best.bid is not None:
            quotes.append(Quote(RECORDED, "bid", True, best.bid, self._lots, best.bid_stamp))
        if best.ask is not None:
            quotes.append(Quote(RECORDED, "ask", False, best.ask, self._lots, best.ask_stamp))
        return quotes

    def takes(self, plan: EventPlan, strike: Strike, at: datetime, since: datetime | None) -> list[Take]:  # noqa: ARG002 - trades were not recorded
        """Nobody takes: a resting order is filled when a recorded quote crosses it."""
        return []
