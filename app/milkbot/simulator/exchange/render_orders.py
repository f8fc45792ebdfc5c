"""An account's orders in the exchange's JSON of 2026, and the answers to what is done with them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from milkbot.domain.units import ONE, Price, price_text
from milkbot.simulator.engine.records import Account, Order
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT
from milkbot.simulator.exchange import text
from milkbot.simulator.exchange.render_market import EXCHANGE_INDEX

Body = dict[str, Any]


def order(subject: Order, account: Account) -> Body:
    """An order, resting or ended. The deprecated side and action are no longer sent."""
    return {
        "order_id": subject.order_id,
        "user_id": account.user_id,
        "client_order_id": subject.client_order_id,
        "ticker": subject.ticker,
        "outcome_side": "yes" if subject.is_bid else "no",
        "book_side": subject.side,
        "type": "limit",
        "status": subject.status,
        "yes_price_dollars": text.cents(subject.cents),
        "no_price_dollars": text.cents(100 - subject.cents),
        "fill_count_fp": text.lots(subject.filled_lots),
        "remaining_count_fp": text.lots(subject.remaining_lots),
        "initial_count_fp": text.lots(subject.initial_lots),
        "taker_fill_cost_dollars": text.dollars(subject.taker_cost),
        "maker_fill_cost_dollars": text.dollars(subject.maker_cost),
        "taker_fees_dollars": text.dollars(subject.taker_fees),
        "maker_fees_dollars": text.dollars(subject.maker_fees),
        "expiration_time": None if subject.expires_at is None else text.moment(subject.expires_at),
        "created_time": text.moment(subject.created_at),
        "last_update_time": text.moment(subject.updated_at),
        "self_trade_prevention_type": subject.self_trade,
        "order_group_id": subject.group_id,
        "cancel_order_on_pause": subject.cancel_on_pause,
        "subaccount_number": 0,
        "exchange_index": EXCHANGE_INDEX,
    }


def created(subject: Order) -> Body:
    """The answer to a create: averages only when something was filled."""
    body: Body = {
        "order_id": subject.order_id,
        "client_order_id": subject.client_order_id,
        "fill_count": text.lots(subject.filled_lots),
        "remaining_count": text.lots(subject.remaining_lots),
        "ts_ms": int(subject.created_at.timestamp() * 1000),
    }
    if subject.filled_lots:
        contracts = Decimal(subject.filled_lots) / LOTS_PER_CONTRACT
        leg_price = subject.taker_cost / contracts
        average = leg_price if subject.is_bid else ONE - leg_price
        body["average_fill_price"] = price_text(Price(average.quantize(Decimal("0.0001"))))
        body["average_fee_paid"] = str((subject.taker_fees / contracts).quantize(Decimal("0.0001")))
    return body


def canceled(subject: Order, lots: int, now: datetime) -> Body:
    """The answer to a cancel: how much no longer rests."""
    return {**_named(subject, now), "reduced_by": text.lots(lots)}


def decreased(subject: Order, now: datetime) -> Body:
    """The answer to a decrease: how much still rests."""
    return {**_named(subject, now), "remaining_count": text.lots(subject.remaining_lots)}


def amended(subject: Order, filled_lots: int, now: datetime) -> Body:
    """The answer to an amend; the averages, which nobody reads, are left out."""
    counts = {"fill_count": text.lots(filled_lots), "remaining_count": text.lots(subject.remaining_lots)}
    return {**_named(subject, now), **counts}


def _named(subject: Order, now: datetime) -> Body:
    stamp = int(now.timestamp() * 1000)
    return {"order_id": subject.order_id, "client_order_id": subject.client_order_id, "ts_ms": stamp}
