"""Writing fills and settlements into the books, each once, and folding positions from them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from milkbot.db import books, ticks
from milkbot.domain.modes import TradingMode
from milkbot.domain.positions import Fill, Position
from milkbot.domain.units import ZERO
from milkbot.trader.places import Place, place_of
from milkbot.trader.strategy import NAME as STRATEGY
from milkbot.venue.values import VenueSettlement


def record_fills(session: Session, mode: TradingMode, fills: Iterable[Fill], *, at: datetime) -> int:
    """Store each fill of our markets once and fold the positions that changed; returns how many were new."""
    changed: dict[str, Place] = {}
    new = 0
    for fill in sorted(fills, key=lambda fill: (fill.filled_at, fill.fill_id)):
        place = place_of(fill.ticker)
        if place is None:
            continue
        order = books.order_of_venue_id(session, fill.order_id)
        added = books.save_fill(
            session,
            {
                "trading_mode": mode,
                "venue_fill_id": fill.fill_id,
                "venue_order_id": fill.order_id,
                "order_id": order.id if order else None,
                "ticker": fill.ticker,
                "event_ticker": place.event_ticker,
                "city_code": place.city.code,
                "climate_day": place.climate_day,
                "side": fill.side,
                "count": fill.count,
                "price": fill.price,
                "fee": fill.fee,
                "realized_pnl": ZERO,
                "is_taker": fill.is_taker,
                "filled_at": fill.filled_at,
                "recorded_at": at,
            },
        )
        if added:
            new += 1
            changed[fill.ticker] = place
            _touch(session, mode, place, fill.filled_at)
    for ticker, place in changed.items():
        _refold(session, mode, ticker, place, at)
    return new


def record_settlements(
    session: Session, mode: TradingMode, settlements: Iterable[VenueSettlement], *, at: datetime
) -> int:
    """Store how our markets settled, by the exchange's result; returns how many were new."""
    new = 0
    for settlement in settlements:
        place = place_of(settlement.ticker)
        row = books.position_of(session, mode, settlement.ticker)
        if place is None or row is None:
            continue
        position = books.to_position(row)
        profit = position.settled(settlement.yes_value)
        added = books.save_settlement(
            session,
            {
                "trading_mode": mode,
                "ticker": settlement.ticker,
                "event_ticker": place.event_ticker,
                "city_code": place.city.code,
                "climate_day": place.climate_day,
                "result": settlement.result,
                "yes_value": settlement.yes_value,
                "signed_count": position.signed_count,
                "cost": position.cost,
                "revenue": profit + position.cost,
                "realized_pnl": profit,
                "settled_at": settlement.settled_at,
                "recorded_at": at,
            },
        )
        if added:
            new += 1
            books.close_position(session, mode, settlement.ticker, at=at)
            _touch(session, mode, place, settlement.settled_at)
    return new


def _refold(session: Session, mode: TradingMode, ticker: str, place: Place, at: datetime) -> None:
    """Fold a market's fills again from the first: a fill that came late changes what the later ones realized."""
    rows = books.fills_of(session, mode, ticker)
    position = Position.flat(ticker)
    for row in rows:
        before = position
        position = position.after(books.to_fill(row))
        realized = position.realized - before.realized
        if realized != row.realized_pnl:
            books.set_realized(session, row.id, type(position.realized)(realized))
            _touch(session, mode, place, row.filled_at)
    books.save_position(
        session,
        {
            "trading_mode": mode,
            "ticker": ticker,
            "event_ticker": place.event_ticker,
            "city_code": place.city.code,
            "climate_day": place.climate_day,
            "signed_count": position.signed_count,
            "cost": position.cost,
            "fees": position.fees,
            "realized_pnl": position.realized,
            "is_closed": position.signed_count == ZERO or books.is_settled(session, mode, ticker),
            "opened_at": rows[0].filled_at,
            "updated_at": at,
        },
    )


def _touch(session: Session, mode: TradingMode, place: Place, moment: datetime) -> None:
    ticks.touch(
        session,
        [
            {"trading_mode": mode, "bucket": "city", "key": place.city.code, "day": place.climate_day},
            {"trading_mode": mode, "bucket": "strategy", "key": STRATEGY, "day": place.climate_day},
            {"trading_mode": mode, "bucket": "equity", "key": "", "day": moment.astimezone(UTC).date()},
        ],
    )
