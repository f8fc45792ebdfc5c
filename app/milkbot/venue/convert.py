"""From the wire's objects to plain values. Whatever does not fit raises ValueError with its reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from decimal import Decimal

from milkbot.domain import markets as domain
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.listings import ListedSeries
from milkbot.domain.orderbook import OrderBook, best_first
from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.units import ONE, ZERO, Cash, Price, price
from milkbot.domain.unread import ObjectKind, Unread, unread_object
from milkbot.validation import NOT_UNDERSTOOD, reason
from milkbot.venue import values
from milkbot.venue.rate_limits import Limit
from milkbot.venue.schedule import Pause, Schedule, Week
from milkbot.venue.wire import exchange as wire_exchange
from milkbot.venue.wire import markets as wire_markets
from milkbot.venue.wire import portfolio as wire_portfolio
from milkbot.venue.wire.base import UnknownFields

_CENT = Decimal("0.01")


def fee_schedule(wire: wire_markets.Series, series: str) -> FeeSchedule:
    """What a series charges; a fee type that we cannot price is the unknown one, which nothing is bought under.

    Raises ValueError for another series than was requested.
    """
    if wire.ticker != series:
        raise ValueError(f"it is of {wire.ticker}")
    return FeeSchedule(FeeType(wire.fee_type), wire.fee_multiplier)


def listed_series(wire: wire_markets.Series) -> ListedSeries:
    """A series as it is listed."""
    sources = tuple(part for source in wire.settlement_sources or () for part in (source.name, source.url) if part)
    return ListedSeries(wire.ticker, wire.title, wire.frequency, sources, fee_schedule(wire, wire.ticker))


def market(wire: wire_markets.Market) -> domain.Market:
    """One bracket. Raises ValueError for a strike or status that daily-temperature markets do not have."""
    if wire.strike_type is None:
        raise ValueError("it has no strike_type")
    strike = domain.Strike(
        kind=domain.StrikeType(wire.strike_type),
        floor=_whole(wire.floor_strike, "floor_strike"),
        cap=_whole(wire.cap_strike, "cap_strike"),
    )
    return domain.Market(
        ticker=wire.ticker,
        event_ticker=wire.event_ticker,
        strike=strike,
        status=domain.MarketStatus(wire.status),
        open_time=wire.open_time,
        close_time=wire.close_time,
        title=wire.yes_sub_title,
        rules_primary=wire.rules_primary,
        price_ranges=tuple(domain.PriceRange(r.start, r.end, r.step) for r in wire.price_ranges),
        exchange_index=wire.exchange_index,
        result=wire.result,
        expiration_value=wire.expiration_value,
        yes_value=wire.settlement_value_dollars,
        settled_at=wire.settlement_ts,
    )


def event(
    wire: wire_markets.Event, raw_markets: Iterable[object], unread: Unread | None, unknown: UnknownFields | None = None
) -> domain.Event:
    """An event with those of its markets that are understood; each other one goes to `unread`, or raises without one.

    Raises ValueError for a ticker without a climate day, and for fees that differ from the series'.
    """
    if wire.fee_type_override or wire.fee_multiplier_override is not None:
        raise ValueError(f"event {wire.event_ticker} overrides the fees of its series")
    markets: dict[str, domain.Market] = {}
    climate_day = domain.climate_day(wire.event_ticker)
    for raw in raw_markets:
        try:
            known = _market_of(raw, wire.event_ticker, markets, unknown)
        except NOT_UNDERSTOOD as error:
            if unread is None:
                raise
            unread.append(unread_object(ObjectKind.MARKET, raw, reason(error), wire.series_ticker))
        else:
            markets[known.ticker] = known
    return domain.Event(
        ticker=wire.event_ticker,
        series_ticker=wire.series_ticker,
        climate_day=climate_day,
        mutually_exclusive=wire.mutually_exclusive,
        markets=tuple(markets.values()),
    )


def _market_of(raw: object, event_ticker: str, before: Collection[str], unknown: UnknownFields | None) -> domain.Market:
    found = market(wire_markets.Market.from_wire(raw, unknown))
    if found.event_ticker != event_ticker or not found.ticker.startswith(f"{event_ticker}-"):
        raise ValueError(f"market {found.ticker} belongs to {found.event_ticker}, and not to {event_ticker}")
    if found.ticker in before:
        raise ValueError("it came more than once")
    return found


def orderbook(wire: wire_markets.TickerBook, captured_at: datetime) -> OrderBook:
    """An order book, best bids first; levels without contracts are dropped."""
    sides = wire.orderbook_fp
    return OrderBook(
        ticker=wire.ticker,
        yes_bids=best_first(list(sides.yes_dollars)),
        no_bids=best_first(list(sides.no_dollars)),
        captured_at=captured_at,
    )


def balance(wire: wire_portfolio.Balance) -> values.Balance:
    """Cents of the portfolio's value become dollars."""
    return values.Balance(
        cash=wire.balance_dollars,
        portfolio_value=Cash(wire.portfolio_value * _CENT),
        updated_at=datetime.fromtimestamp(wire.updated_ts, UTC),
    )


def position(wire: wire_portfolio.MarketPosition) -> values.VenuePosition:
    """What the exchange says is held in one market."""
    return values.VenuePosition(
        ticker=wire.ticker,
        signed_count=wire.position_fp,
        exposure=wire.market_exposure_dollars,
        realized=wire.realized_pnl_dollars,
        fees=wire.fees_paid_dollars,
    )


def order(wire: wire_portfolio.Order) -> values.VenueOrder:
    """An order as listed. Raises ValueError for a side or status that is not known."""
    return values.VenueOrder(
        order_id=wire.order_id,
        client_order_id=wire.client_order_id,
        ticker=wire.ticker,
        side=BookSide(wire.book_side),
        status=values.VenueOrderStatus(wire.status),
        price=wire.yes_price_dollars,
        initial_count=wire.initial_count_fp,
        fill_count=wire.fill_count_fp,
        remaining_count=wire.remaining_count_fp,
        created_at=wire.created_time,
        exchange_index=wire.exchange_index,
        updated_at=wire.last_update_time,
        expires_at=wire.expiration_time,
        order_group_id=wire.order_group_id or None,
    )


def fill(wire: wire_portfolio.Fill) -> Fill:
    """One execution. Raises ValueError if it has no time: the order of fills makes the position's cost."""
    if wire.created_time is not None:
        filled_at = wire.created_time
    elif wire.ts is not None:
        filled_at = datetime.fromtimestamp(wire.ts, UTC)
    else:
        raise ValueError(f"fill {wire.fill_id} has neither created_time nor ts")
    return Fill(
        fill_id=wire.fill_id,
        order_id=wire.order_id,
        ticker=wire.ticker,
        side=BookSide(wire.book_side),
        count=wire.count_fp,
        price=wire.yes_price_dollars,
        fee=wire.fee_cost,
        is_taker=wire.is_taker,
        filled_at=filled_at,
    )


def settlement(wire: wire_portfolio.Settlement) -> values.VenueSettlement:
    """A settled market. Raises ValueError for a scalar result without its value."""
    return values.VenueSettlement(
        ticker=wire.ticker,
        event_ticker=wire.event_ticker,
        result=wire.market_result,
        yes_value=_yes_value(wire),
        yes_count=wire.yes_count_fp,
        no_count=wire.no_count_fp,
        yes_cost=wire.yes_total_cost_dollars,
        no_cost=wire.no_total_cost_dollars,
        revenue=Cash(wire.revenue * _CENT),
        fees=wire.fee_cost,
        settled_at=wire.settled_time,
    )


def account_limits(wire: wire_exchange.AccountLimits) -> values.AccountLimits:
    """The account's tier with its buckets."""
    return values.AccountLimits(wire.usage_tier, _limit(wire.read), _limit(wire.write))


def schedule(wire: wire_exchange.ScheduleReply) -> Schedule:
    """Hours and maintenance. Raises ValueError for a maintenance that ends before it starts."""
    said = wire.schedule
    return Schedule(
        weeks=tuple(_week(hours) for hours in said.standard_hours),
        maintenance=tuple(Pause(window.start_datetime, window.end_datetime) for window in said.maintenance_windows),
    )


def _week(wire: wire_exchange.WeeklyHours) -> Week:
    days = (wire.monday, wire.tuesday, wire.wednesday, wire.thursday, wire.friday, wire.saturday, wire.sunday)
    sessions = tuple(tuple((part.open_time, part.close_time) for part in day) for day in days)
    return Week(wire.start_time, wire.end_time, sessions)


def _limit(wire: wire_exchange.Bucket) -> Limit:
    return Limit(wire.refill_rate, wire.bucket_capacity)


def _yes_value(wire: wire_portfolio.Settlement) -> Price:
    if wire.market_result == "yes":
        return Price(ONE)
    if wire.market_result == "no":
        return Price(ZERO)
    if wire.market_result == "scalar" and wire.value is not None:
        return price(wire.value * _CENT)
    raise ValueError(f"settlement of {wire.ticker} has result {wire.market_result!r} and value {wire.value}")


def _whole(number: Decimal | None, what: str) -> int | None:
    if number is None:
        return None
    if number != number.to_integral_value():
        raise ValueError(f"{what} is {number}, expected a whole degree")
    return int(number)
