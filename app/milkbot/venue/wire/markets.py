"""Series, events, markets and order books."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from milkbot.venue.wire import unread
from milkbot.venue.wire.base import CountText, ExchangeIndex, Moment, Number, PriceText, WireModel


class Source(WireModel):
    """What a series says it settles by."""

    name: str = ""
    url: str = ""


class Series(WireModel):
    """The part of a series that prices an order, and what tells one from another. Lists may be null."""

    UNREAD = unread.SERIES

    ticker: str
    fee_type: str
    fee_multiplier: Number
    title: str = ""
    frequency: str = ""
    settlement_sources: tuple[Source, ...] | None = None


class SeriesReply(WireModel):
    """GET /series/{ticker}."""

    series: Series


class PriceRange(WireModel):
    """A stretch of prices with one tick size. The end may lie above what can be traded."""

    start: PriceText
    end: PriceText
    step: PriceText = Field(gt=0)


class Market(WireModel):
    """One market. Quotes in it are cached by the exchange for seconds: prices come from the order book."""

    UNREAD = unread.MARKET

    ticker: str
    event_ticker: str
    status: str
    open_time: Moment
    close_time: Moment
    yes_sub_title: str
    rules_primary: str
    price_ranges: tuple[PriceRange, ...] = Field(min_length=1)
    result: str
    expiration_value: str
    strike_type: str | None = None
    floor_strike: Number | None = None
    cap_strike: Number | None = None
    settlement_ts: Moment | None = None
    settlement_value_dollars: PriceText | None = None
    exchange_index: ExchangeIndex = 0


class Event(WireModel):
    """An event. Its markets remain raw here: each is read alone, so that an odd one does not take the rest with it.

    Settled events were seen without `mutually_exclusive`: then nothing may be netted across their markets.
    """

    UNREAD = unread.EVENT

    event_ticker: str
    series_ticker: str
    mutually_exclusive: bool = False
    fee_type_override: str | None = None
    fee_multiplier_override: Number | None = None
    markets: tuple[object, ...] = ()


class EventReply(WireModel):
    """GET /events/{ticker}: the markets are inside the event, or next to it where nesting was not requested."""

    event: Event
    markets: tuple[object, ...] = ()


Levels = Annotated[tuple[tuple[PriceText, CountText], ...], BeforeValidator(lambda v: () if v is None else v)]
"""Price and count of each level; an empty side is an empty list or null."""


class BookSides(WireModel):
    """Bids of both legs, in no order that a reader may rely on."""

    yes_dollars: Levels = ()
    no_dollars: Levels = ()


class TickerBook(WireModel):
    """One order book of GET /markets/orderbooks."""

    ticker: str
    orderbook_fp: BookSides
