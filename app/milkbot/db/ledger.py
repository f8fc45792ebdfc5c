"""Repository of the ledger: fills, the positions that they fold to, settlements and balances."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from milkbot.db.ops import BalanceSnapshot, FillRow, Order, PositionRow, SettlementRow
from milkbot.db.risk_tables import SettlementCorrection
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill, Position, execution_order
from milkbot.domain.units import ZERO, Cash, Count, Price


def save_fill(session: Session, values: dict[str, Any]) -> bool:
    """Store a fill once; returns whether it was new. A repeated one changes nothing."""
    row = upsert(FillRow).values(values).on_conflict_do_nothing(constraint="uq_fills_trading_mode_venue_fill_id")
    return session.execute(row.returning(FillRow.id)).first() is not None


def known_fills(session: Session, mode: TradingMode, fill_ids: Collection[str]) -> frozenset[str]:
    """Those of the exchange's fill ids that are stored already."""
    if not fill_ids:
        return frozenset()
    wanted = select(FillRow.venue_fill_id).where(FillRow.trading_mode == mode, FillRow.venue_fill_id.in_(fill_ids))
    return frozenset(session.scalars(wanted))


def order_of_venue_id(session: Session, venue_order_id: str) -> Order | None:
    """The order behind the exchange's id, None for one that the ledger does not know."""
    return session.scalars(select(Order).where(Order.venue_order_id == venue_order_id)).first()


def newest_fill_time(session: Session, mode: TradingMode) -> datetime | None:
    """When the newest stored fill happened."""
    return session.scalar(select(func.max(FillRow.filled_at)).where(FillRow.trading_mode == mode))


def newest_settlement_time(session: Session, mode: TradingMode) -> datetime | None:
    """When the newest stored settlement happened."""
    return session.scalar(select(func.max(SettlementRow.settled_at)).where(SettlementRow.trading_mode == mode))


def fills_of(session: Session, mode: TradingMode, ticker: str) -> Sequence[FillRow]:
    """A market's fills in the order in which they happened."""
    wanted = select(FillRow).where(FillRow.trading_mode == mode, FillRow.ticker == ticker)
    return sorted(session.scalars(wanted), key=lambda row: execution_order(to_fill(row)))


def fills_of_orders_since(session: Session, mode: TradingMode, since: datetime) -> list[Fill]:
    """All fills of the orders that had one since then, in the order in which they happened."""
    recent = select(FillRow.venue_order_id).where(FillRow.trading_mode == mode, FillRow.filled_at >= since)
    wanted = select(FillRow).where(FillRow.trading_mode == mode, FillRow.venue_order_id.in_(recent))
    return sorted((to_fill(row) for row in session.scalars(wanted)), key=execution_order)


def adopt_fills(session: Session, order: Order) -> Sequence[FillRow]:
    """Link fills that came before their order was found at the exchange; returns those that were not linked yet."""
    wanted = (FillRow.trading_mode == order.trading_mode, FillRow.venue_order_id == order.venue_order_id)
    adopted = session.scalars(select(FillRow).where(*wanted, FillRow.order_id.is_(None))).all()
    if adopted:
        session.execute(update(FillRow).where(*wanted).values(order_id=order.id))
    return adopted


def set_realized(session: Session, fill_id: int, realized: Cash) -> None:
    """Correct what a fill realized, after an earlier fill of its market came late."""
    session.execute(update(FillRow).where(FillRow.id == fill_id).values(realized_pnl=realized))


def save_position(session: Session, values: dict[str, Any]) -> None:
    """Write the fold of a market's fills over the earlier one."""
    row = upsert(PositionRow).values(values)
    keep = {"trading_mode", "ticker", "opened_at"}
    session.execute(
        row.on_conflict_do_update(
            index_elements=[PositionRow.trading_mode, PositionRow.ticker],
            set_={name: row.excluded[name] for name in values if name not in keep},
        )
    )


def position_of(session: Session, mode: TradingMode, ticker: str) -> PositionRow | None:
    """What is held in a market, None if nothing ever was."""
    return session.get(PositionRow, (mode, ticker))


def held_positions(session: Session, mode: TradingMode) -> Sequence[PositionRow]:
    """Every position that is not closed, by ticker."""
    wanted = select(PositionRow).where(PositionRow.trading_mode == mode, PositionRow.is_closed.is_(False))
    return session.scalars(wanted.order_by(PositionRow.ticker)).all()


def save_settlement(session: Session, values: dict[str, Any]) -> bool:
    """Store a market's settlement once; returns whether it was new."""
    row = upsert(SettlementRow).values(values).on_conflict_do_nothing()
    return session.execute(row.returning(SettlementRow.ticker)).first() is not None


def settlement_of(session: Session, mode: TradingMode, ticker: str) -> SettlementRow | None:
    """How a market was settled, None if it was not."""
    return session.get(SettlementRow, (mode, ticker))


def correct_settlement(session: Session, row: SettlementRow, paid: Mapping[str, Any]) -> None:
    """Write what a settlement really paid, after a fill of its market came late or its result was corrected."""
    where = (SettlementRow.trading_mode == row.trading_mode, SettlementRow.ticker == row.ticker)
    session.execute(update(SettlementRow).where(*where).values(**paid))


def save_correction(session: Session, before: SettlementRow, after: Mapping[str, Any], *, at: datetime) -> None:
    """Keep the earlier settlement that the exchange has now corrected."""
    session.execute(
        insert(SettlementCorrection).values(
            trading_mode=before.trading_mode,
            ticker=before.ticker,
            result_before=before.result,
            yes_value_before=before.yes_value,
            settled_before=before.settled_at,
            realized_before=before.realized_pnl,
            result=after["result"],
            yes_value=after["yes_value"],
            settled_at=after["settled_at"],
            difference=after["realized_pnl"] - before.realized_pnl,
            recorded_at=at,
        )
    )


def close_position(session: Session, mode: TradingMode, ticker: str, *, at: datetime) -> None:
    """Mark a settled market's position as closed; its figures remain."""
    where = (PositionRow.trading_mode == mode, PositionRow.ticker == ticker)
    session.execute(update(PositionRow).where(*where).values(is_closed=True, updated_at=at))


def save_balance(session: Session, **values: Any) -> None:
    """Store the account's balance as the exchange reported it."""
    session.execute(insert(BalanceSnapshot).values(**values))


def newest_balance(session: Session, mode: TradingMode) -> BalanceSnapshot | None:
    """The account's balance as it was reported last, None before the first tick."""
    wanted = select(BalanceSnapshot).where(BalanceSnapshot.trading_mode == mode)
    return session.scalars(wanted.order_by(BalanceSnapshot.captured_at.desc()).limit(1)).first()


def realized_since(session: Session, mode: TradingMode, since: datetime) -> Cash:
    """Dollars won or lost from `since` on: settlements and closing fills, less all fees."""
    return Cash(Decimal(session.scalar(select(realized_column(mode, since))) or ZERO))


def realized_column(mode: TradingMode, since: datetime) -> ColumnElement[Decimal]:
    """What `realized_since` asks for, for a question that holds more."""
    settled = select(func.coalesce(func.sum(SettlementRow.realized_pnl), ZERO)).where(
        SettlementRow.trading_mode == mode, SettlementRow.settled_at >= since
    )
    traded = select(func.coalesce(func.sum(FillRow.realized_pnl - FillRow.fee), ZERO)).where(
        FillRow.trading_mode == mode, FillRow.filled_at >= since
    )
    return settled.scalar_subquery() + traded.scalar_subquery()


def to_fill(row: FillRow) -> Fill:
    """The stored fill as the domain's value."""
    return Fill(
        row.venue_fill_id,
        row.venue_order_id,
        row.ticker,
        BookSide(row.side),
        Count(row.count),
        Price(row.price),
        Cash(row.fee),
        row.is_taker,
        row.filled_at,
    )


def to_position(row: PositionRow) -> Position:
    """The stored position as the domain's value."""
    return Position(row.ticker, Count(row.signed_count), Cash(row.cost), Cash(row.fees), Cash(row.realized_pnl))
