"""The statements of the ledger's evidence: order events, findings, cash, marks, resting orders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from milkbot.db import cash, findings, ledger, marks, order_events, orders, quotes, unread
from milkbot.db.ops import Order, SettlementRow
from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ONE, Cash, Count, Price
from milkbot.domain.unread import ObjectKind, unread_object
from milkbot.smoke.checks import Checks
from milkbot.smoke.sample import Sample


def run(check: Checks, sample: Sample, order: Order, tick_id: int) -> None:
    """The statements of a tick, an audit and the operator's commands, in addition to the trader's."""
    _orders(check, sample, order)
    _events(check, sample, order)
    _findings(check, sample, tick_id)
    check(cash.cash_totals, check.session, sample.mode)
    check(cash.set_capital, check.session, sample.mode, Cash(Decimal(100)))
    check(marks.made_since, check.session, sample.mode, sample.happened)
    check(marks.newest_marks, check.session, sample.mode, ledger.held_positions(check.session, sample.mode))


def correction(check: Checks, sample: Sample, settled: SettlementRow) -> None:
    """A result that the exchange corrected."""
    after = {"result": "no", "yes_value": ONE - ONE, "settled_at": sample.now, "realized_pnl": Decimal(-4)}
    check(ledger.save_correction, check.session, settled, after, at=sample.now)


def _orders(check: Checks, sample: Sample, order: Order) -> None:
    session, mode = check.session, sample.mode
    check(
        orders.adopt,
        session,
        mode=mode,
        client_order_id=f"{sample.name}-2",
        venue_order_id=f"{sample.name}-2",
        ticker=sample.ticker,
        event_ticker=sample.event,
        city_code=sample.name,
        climate_day=sample.day,
        strategy="smoke",
        side=BookSide.BID,
        price=Price(Decimal("0.40")),
        count=Count(Decimal(10)),
        time_in_force=TimeInForce.GOOD_TILL_CANCELED,
        exchange_index=0,
        created_at=sample.happened,
        expires_at=sample.now,
        origin="manual",
        at=sample.now,
    )
    names = [sample.name]
    check(orders.known_venue_orders, session, mode, venue_ids=names, client_ids=names)
    check(orders.orders_of_client_ids, session, mode, names)
    check(orders.fills_without_order, session, mode)
    check(orders.orders_by_ids, session, [order.id])
    check(orders.orders_after, session, mode, order.id)
    check(quotes.open_quotes, session, mode)
    check(quotes.first_prices, session, mode, sample.now - timedelta(hours=6))


def _events(check: Checks, sample: Sample, order: Order) -> None:
    session, mode = check.session, sample.mode
    story = check.need(order_events.events_of, session, order.id)
    check(order_events.events_of_all, session, [order.id])
    check(order_events.events_after, session, mode, story[-1].seq)
    check(order_events.event_at, session, mode, story[-1].seq)
    check(order_events.mark_of, session, mode)
    check(order_events.save_mark, session, mode, order_events.Link(story[-1].seq, story[-1].hash), at=sample.now)


def _findings(check: Checks, sample: Sample, tick_id: int) -> None:
    session, mode, now = check.session, sample.mode, sample.now
    values = {"kind": "smoke", "subject": sample.name, "effect": TradingState.ACTIVE, "message": "smoke"}
    for side in ("new", "again"):
        check(
            findings.save_finding,
            session,
            trading_mode=mode,
            tick_id=tick_id,
            ours={"smoke": side},
            theirs={},
            opened_at=now,
            seen_at=now,
            event_ticker=sample.event,
            **values,
        )
    found = check.need(findings.open_findings, session, mode)
    ids = [row.id for row in found if row.subject == sample.name]
    check(findings.finding_by_id, session, ids[0] if ids else 0)
    check(findings.explained_since, session, mode, "smoke", now)
    check(findings.closed_subjects, session, mode, "smoke", now)
    odd = unread_object(ObjectKind.FILL, {"fill_id": sample.name, "ticker": sample.ticker}, "smoke")
    for _ in ("new", "again"):
        check(unread.save, session, mode, tick_id, [odd], now)
    check(unread.newest, session, mode, 1)
    check(findings.close_findings, session, ids, by="smoke", note="smoke", at=now)
