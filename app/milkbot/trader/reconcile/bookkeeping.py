"""Writing fills and settlements into the ledger, each once, and folding positions from them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from milkbot.db import ledger, ticks
from milkbot.db import orders as order_rows
from milkbot.db.ops import Order
from milkbot.domain.modes import TradingMode
from milkbot.domain.positions import Fill, Position, execution_order
from milkbot.domain.settlement import payment
from milkbot.domain.units import ZERO, Cash, Price
from milkbot.trader.strategies import NO_STRATEGY
from milkbot.trader.tickers import ParsedTicker, parse_ticker
from milkbot.venue.values import VenueSettlement


def record_fills(session: Session, mode: TradingMode, fills: Iterable[Fill], *, at: datetime) -> int:
    """Store each fill of our markets once and fold the positions that changed; returns how many were new."""
    changed: dict[str, ParsedTicker] = {}
    new = 0
    came = sorted(fills, key=execution_order)
    # Those since the newest one come again each tick until there is a newer one.
    known = ledger.known_fills(session, mode, [fill.fill_id for fill in came])
    for fill in came:
        parsed = parse_ticker(fill.ticker)
        if parsed is None or fill.fill_id in known:
            continue
        order = ledger.order_of_venue_id(session, fill.order_id)
        added = ledger.save_fill(
            session,
            {
                "trading_mode": mode,
                "venue_fill_id": fill.fill_id,
                "venue_order_id": fill.order_id,
                "order_id": order.id if order else None,
                "ticker": fill.ticker,
                "event_ticker": parsed.event_ticker,
                "city_code": parsed.city.code,
                "climate_day": parsed.climate_day,
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
            changed[fill.ticker] = parsed
            _touch(session, mode, parsed, fill.filled_at)
    for ticker, parsed in changed.items():
        _refold(session, mode, ticker, parsed, at)
    return new


def record_settlements(
    session: Session, mode: TradingMode, settlements: Iterable[VenueSettlement], *, at: datetime
) -> int:
    """Store how our markets settled, by the exchange's result; returns how many were new or corrected.

    A settlement that comes again with another result, later or in place of the first, takes that one's place.
    """
    new = 0
    for settlement in sorted(settlements, key=lambda one: (one.settled_at, one.ticker)):
        parsed = parse_ticker(settlement.ticker)
        if parsed is None:
            continue
        row = ledger.position_of(session, mode, settlement.ticker)
        # Without a fill yet nothing is known to be held: the fill that comes late corrects this row.
        position = ledger.to_position(row) if row else Position.flat(settlement.ticker)
        values = {
            "result": settlement.result,
            "yes_value": settlement.yes_value,
            **_paid(position, settlement.yes_value),
            "settled_at": settlement.settled_at,
        }
        added = ledger.save_settlement(
            session,
            {
                "trading_mode": mode,
                "ticker": settlement.ticker,
                "event_ticker": parsed.event_ticker,
                "city_code": parsed.city.code,
                "climate_day": parsed.climate_day,
                **values,
                "recorded_at": at,
            },
        )
        if added:
            ledger.close_position(session, mode, settlement.ticker, at=at)
        if added or _corrected(session, mode, parsed, settlement, values, at):
            new += 1
            _touch(session, mode, parsed, settlement.settled_at)
    return new


def _corrected(
    session: Session,
    mode: TradingMode,
    parsed: ParsedTicker,
    settlement: VenueSettlement,
    values: dict[str, Any],
    at: datetime,
) -> bool:
    """Put a later word of the exchange about a market in the place of an earlier one; returns whether it differs."""
    stored = ledger.settlement_of(session, mode, settlement.ticker)
    if stored is None or settlement.settled_at < stored.settled_at:
        return False
    if (stored.result, stored.yes_value) == (settlement.result, settlement.yes_value):
        return False
    before, paid = f"{stored.result} ({stored.yes_value})", stored.revenue
    _touch(session, mode, parsed, stored.settled_at)
    ledger.save_correction(session, stored, values, at=at)
    ledger.correct_settlement(session, stored, values)
    ticks.save_risk_event(
        session,
        trading_mode=mode,
        event_type="settlement_corrected",
        severity="warning",
        message=f"{settlement.ticker} had settled as {before} and is {settlement.result} ({settlement.yes_value}) now",
        city_code=parsed.city.code,
        ticker=settlement.ticker,
        payload={"revenue_before": str(paid), "revenue": str(values["revenue"])},
        event_time=at,
    )
    return True


def adopt_fills(session: Session, mode: TradingMode, order: Order) -> None:
    """Give an order that was found at the exchange the fills that came before it was found."""
    parsed = parse_ticker(order.ticker)
    for fill in ledger.adopt_fills(session, order):
        if parsed is not None:
            _touch(session, mode, parsed, fill.filled_at)


def _refold(session: Session, mode: TradingMode, ticker: str, parsed: ParsedTicker, at: datetime) -> None:
    """Fold a market's fills again from the first: a fill that came late changes what the later ones realized, and
    what the settlement paid if it was there before the fill.
    """
    rows = ledger.fills_of(session, mode, ticker)
    position = Position.flat(ticker)
    for row in rows:
        before = position
        position = position.after(ledger.to_fill(row))
        realized = position.realized - before.realized
        if realized != row.realized_pnl:
            ledger.set_realized(session, row.id, Cash(realized))
            _touch(session, mode, parsed, row.filled_at)
    settled = ledger.settlement_of(session, mode, ticker)
    if settled is not None:
        ledger.correct_settlement(session, settled, _paid(position, Price(settled.yes_value)))
        _touch(session, mode, parsed, settled.settled_at)
    ledger.save_position(
        session,
        {
            "trading_mode": mode,
            "ticker": ticker,
            "event_ticker": parsed.event_ticker,
            "city_code": parsed.city.code,
            "climate_day": parsed.climate_day,
            "signed_count": position.signed_count,
            "cost": position.cost,
            "fees": position.fees,
            "realized_pnl": position.realized,
            "is_closed": position.signed_count == ZERO or settled is not None,
            "opened_at": rows[0].filled_at,
            "updated_at": at,
        },
    )


def _paid(position: Position, yes_value: Price) -> dict[str, Decimal]:
    """What a settlement paid for what was held, as its row has it."""
    paid = payment(position, yes_value)
    return {
        "signed_count": position.signed_count,
        "cost": position.cost,
        "revenue": paid.revenue,
        "realized_pnl": paid.realized,
    }


def _touch(session: Session, mode: TradingMode, parsed: ParsedTicker, moment: datetime) -> None:
    """Note the rollup buckets of a fact. A fill may be of a strategy or of none, and change from this to that."""
    day = parsed.climate_day
    names = sorted({NO_STRATEGY} | order_rows.strategies_of(session, mode, parsed.event_ticker))
    ticks.touch(
        session,
        [
            {"trading_mode": mode, "bucket": "city", "key": parsed.city.code, "day": day},
            *({"trading_mode": mode, "bucket": "strategy", "key": key, "day": day} for key in names),
            {"trading_mode": mode, "bucket": "equity", "key": "", "day": moment.astimezone(UTC).date()},
        ],
    )
