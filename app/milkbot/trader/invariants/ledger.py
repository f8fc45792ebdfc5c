"""Invariants of orders, fills, positions and settlements."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from milkbot.domain.orders import OPEN, UNRESOLVED
from milkbot.trader.invariants.context import QueryContext
from milkbot.trader.reconcile.findings import FindingKind

_OPEN = ", ".join(f"'{state}'" for state in sorted(OPEN))
_UNRESOLVED = ", ".join(f"'{state}'" for state in sorted(UNRESOLVED))
_AT_EXCHANGE = ", ".join(f"'{state}'" for state in sorted(OPEN - UNRESOLVED))


def no_order_in_a_settled_market(session: Session, context: QueryContext) -> Iterable[str]:
    """One whose outcome is not known may be, for as long as finding that out may take."""
    return _rows(
        session,
        context,
        f"""
        SELECT 'order ' || placed.id || ' is ' || placed.state || ' in ' || placed.ticker
        FROM ops.orders AS placed JOIN ops.settlements AS settled USING (trading_mode, ticker)
        WHERE trading_mode = :mode AND (
            placed.state IN ({_AT_EXCHANGE})
            OR (placed.state IN ({_UNRESOLVED}) AND placed.updated_at < :patience))
        """,  # noqa: S608 - the only things put in are constants of ours
        patience=context.now - timedelta(minutes=context.settings.unknown_deadline_min),
    )


def fill_has_its_order(session: Session, context: QueryContext) -> Iterable[str]:
    return _rows(
        session,
        context,
        """
        SELECT 'fill ' || fill.venue_fill_id || ' in ' || fill.ticker FROM ops.fills AS fill
        WHERE fill.order_id IS NULL AND fill.trading_mode = :mode AND NOT EXISTS (
            SELECT FROM ops.findings AS known WHERE known.trading_mode = fill.trading_mode AND known.kind = :kind
                AND known.subject = fill.venue_fill_id AND known.closed_at IS NULL)
        """,
        kind=FindingKind.UNKNOWN_FILL,
    )


def one_live_order(session: Session, context: QueryContext) -> Iterable[str]:
    return _rows(
        session,
        context,
        f"""
        SELECT ticker || ' has orders ' || string_agg(id::text, ', ' ORDER BY id) FROM ops.orders
        WHERE trading_mode = :mode AND state IN ({_OPEN}) AND origin IS NULL
        GROUP BY ticker HAVING count(*) > 1
        """,  # noqa: S608 - the only things put in are constants of ours
    )


def no_more_than_ordered(session: Session, context: QueryContext) -> Iterable[str]:
    """Manual orders may be amended manually: the ledger does not know their terms."""
    which = "true" if context.thorough else f"placed.state IN ({_OPEN})"
    return _rows(
        session,
        context,
        f"""
        SELECT 'order ' || placed.id || ' for ' || placed.count || ' has fills of ' || sum(fill.count)
        FROM ops.orders AS placed JOIN ops.fills AS fill ON fill.order_id = placed.id
        WHERE placed.trading_mode = :mode AND placed.origin IS DISTINCT FROM 'manual' AND {which}
        GROUP BY placed.id HAVING sum(fill.count) > placed.count
        """,  # noqa: S608 - the only things put in are constants of ours
    )


def position_is_its_fills(session: Session, context: QueryContext) -> Iterable[str]:
    which = "true" if context.thorough else "NOT held.is_closed"
    return _rows(
        session,
        context,
        f"""
        SELECT held.ticker || ' holds ' || held.signed_count || ' for fees of ' || held.fees || ', its fills say '
            || folded.signed_count || ' and ' || folded.fees
        FROM ops.positions AS held CROSS JOIN LATERAL (
            SELECT COALESCE(sum(CASE side WHEN 'bid' THEN count ELSE -count END), 0) AS signed_count,
                COALESCE(sum(fee), 0) AS fees
            FROM ops.fills AS fill WHERE fill.trading_mode = held.trading_mode AND fill.ticker = held.ticker) AS folded
        WHERE held.trading_mode = :mode AND {which}
            AND (held.signed_count, held.fees) IS DISTINCT FROM (folded.signed_count, folded.fees)
        """,  # noqa: S608 - the only things put in are constants of ours
    )


def settled_is_closed(session: Session, context: QueryContext) -> Iterable[str]:
    return _rows(
        session,
        context,
        """
        SELECT held.ticker || ' was settled, and ' || held.signed_count || ' are held'
        FROM ops.positions AS held JOIN ops.settlements USING (trading_mode, ticker)
        WHERE trading_mode = :mode AND NOT held.is_closed
        """,
    )


def resting_order_expires(session: Session, context: QueryContext) -> Iterable[str]:
    return _rows(
        session,
        context,
        f"""
        SELECT 'order ' || id || ' rests in ' || ticker || ' without an end' FROM ops.orders
        WHERE trading_mode = :mode AND state IN ({_AT_EXCHANGE}) AND origin IS NULL AND expires_at IS NULL
        """,  # noqa: S608 - the only things put in are constants of ours
    )


def _rows(session: Session, context: QueryContext, query: str, **values: Any) -> list[str]:
    return list(session.scalars(text(query), {"mode": str(context.mode), **values}))
