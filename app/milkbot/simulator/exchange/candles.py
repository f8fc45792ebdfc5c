"""What a market traded at in each minute, hour or day.

Prices, volume and open interest come from the tape. The quotes are those of the house without its position, read a few
times in each period; an account's own orders are not in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from milkbot.domain.units import Price, price_text
from milkbot.simulator.engine.pause import EASTERN
from milkbot.simulator.engine.plan import House
from milkbot.simulator.engine.records import Market, Trade
from milkbot.simulator.engine.rejects import bad_request, moment_of
from milkbot.simulator.engine.stepping import LAST_STEP
from milkbot.simulator.exchange import text

MINUTE, HOUR, DAY = 1, 60, 1440
MOST_CANDLES = 5000
LOOKS = 4
"""How often the quotes are read in one period: at its beginning, at its end and between them."""
EMPTY_BID, EMPTY_ASK = 0, 100

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """Which periods are asked for: those that end within [start, end], of so many minutes."""

    start_ts: int
    end_ts: int
    period_interval: int

    def __post_init__(self) -> None:
        """Raise RejectError for a length that the exchange does not have, or for too much at once."""
        if self.period_interval not in (MINUTE, HOUR, DAY):
            raise bad_request(f"period_interval is {self.period_interval}, expected {MINUTE}, {HOUR} or {DAY}")
        if self.end_ts < self.start_ts:
            raise bad_request("end_ts is before start_ts")

    def periods(self, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Beginning and end of each period that has a part in [first, last]. Raises RejectError for too many."""
        end = self._end_after(max(first, moment_of(self.start_ts) - timedelta(seconds=1)))
        ended = min(moment_of(self.end_ts), self._end_after(last))
        for _ in range(MOST_CANDLES):
            if end > ended:
                return
            yield self._begin_of(end), end
            end = self._end_after(end)
        raise bad_request(f"more than {MOST_CANDLES} candlesticks; ask for less at once")

    def _end_after(self, moment: datetime) -> datetime:
        """The first end of a period that comes after a moment. Days end at midnight in New York."""
        if self.period_interval == DAY:
            day = moment.astimezone(EASTERN).date() + timedelta(days=1)
            return datetime(day.year, day.month, day.day, tzinfo=EASTERN).astimezone(UTC)
        seconds = self.period_interval * 60
        return moment_of((int(moment.timestamp()) // seconds + 1) * seconds)

    def _begin_of(self, end: datetime) -> datetime:
        if self.period_interval == DAY:
            day = end.astimezone(EASTERN).date() - timedelta(days=1)
            return datetime(day.year, day.month, day.day, tzinfo=EASTERN).astimezone(UTC)
        return end - timedelta(minutes=self.period_interval)


def candlesticks(house: House, market: Market, tape: Sequence[Trade], span: Span, now: datetime) -> list[Body]:
    """The periods that have ended, in the form of live markets; `tape` holds every market's trades."""
    lines = [line for line in tape if line.ticker == market.ticker]
    first, last = market.plan.opens_at, min(market.closes_at, now)
    found = [_candle(house, market, lines, begin, end) for begin, end in span.periods(first, last) if end <= now]
    return [{**body, "price": {k: v for k, v in body["price"].items() if v is not None}} for body in found]


def historical(house: House, market: Market, tape: Sequence[Trade], span: Span) -> list[Body]:
    """The same for a market of the historical tier, whose fields have no suffix and may be null."""
    lines = [line for line in tape if line.ticker == market.ticker]
    periods = span.periods(market.plan.opens_at, market.closes_at)
    return [_plain(_candle(house, market, lines, begin, end)) for begin, end in periods]


def best_quotes(house: House, market: Market, at: datetime) -> tuple[int, int]:
    """The house's best bid and ask in cents at a moment, 0 and 100 for an empty side."""
    step = house.latest_moment(market.plan, market.ticker, at)
    quotes = [] if step is None else house.quotes(market.plan, market.strike, step, {})
    bid = max((quote.cents for quote in quotes if quote.is_bid), default=EMPTY_BID)
    ask = min((quote.cents for quote in quotes if not quote.is_bid), default=EMPTY_ASK)
    return bid, max(ask, bid + 1)


def _candle(house: House, market: Market, lines: list[Trade], begin: datetime, end: datetime) -> Body:
    quotes = _quotes(house, market, begin, end)
    before = [line for line in lines if line.at <= begin]
    within = [line for line in lines if begin < line.at <= end]
    known = within or before
    return {
        "end_period_ts": int(end.timestamp()),
        "yes_bid": _extremes([bid for bid, _ in quotes]),
        "yes_ask": _extremes([ask for _, ask in quotes]),
        "price": {
            **_extremes([line.cents for line in within]),
            "mean_dollars": _mean(within),
            "previous_dollars": text.cents(before[-1].cents) if before else None,
        },
        "volume_fp": text.lots(sum(line.lots for line in within)),
        "open_interest_fp": text.lots(known[-1].open_interest if known else 0),
    }


def _quotes(house: House, market: Market, begin: datetime, end: datetime) -> list[tuple[int, int]]:
    """Best bid and ask at a few moments of a period while the market was open."""
    first = max(begin, market.plan.opens_at)
    last = min(end, market.closes_at - LAST_STEP)
    moments = [first + (last - first) * step / (LOOKS - 1) for step in range(LOOKS)]
    return [best_quotes(house, market, moment) for moment in moments]


def _extremes(cents: list[int]) -> Body:
    values = (cents[0], max(cents), min(cents), cents[-1]) if cents else (None,) * 4
    names = ("open_dollars", "high_dollars", "low_dollars", "close_dollars")
    return {name: None if value is None else text.cents(value) for name, value in zip(names, values, strict=True)}


def _mean(lines: list[Trade]) -> str | None:
    lots = sum(line.lots for line in lines)
    if not lots:
        return None
    dollars = Decimal(sum(line.cents * line.lots for line in lines)) / (100 * lots)
    return price_text(Price(dollars.quantize(Decimal("0.0001"))))


def _plain(body: Body) -> Body:
    """Without the suffixes of the live form."""
    names = {name: name.removesuffix("_dollars").removesuffix("_fp") for name in body}
    return {names[name]: _plain(value) if isinstance(value, dict) else value for name, value in body.items()}
