"""Orders, fills, positions and settlements of an account in the exchange's JSON of 2026."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.units import ONE, ZERO, Price, complement, count_text, price_text
from milkbot.simulator.engine.records import Account, Holding, Market, Order, Settled
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT, leg_cost
from milkbot.simulator.exchange import text
from milkbot.simulator.exchange.render_market import EXCHANGE_INDEX

Body = dict[str, Any]
CENTS = Decimal(100)


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
        "maker_fees_dollars": text.dollars(ZERO),
        "expiration_time": None if subject.expires_at is None else text.moment(subject.expires_at),
        "created_time": text.moment(subject.created_at),
        "last_update_time": text.moment(subject.updated_at),
        "self_trade_prevention_type": subject.self_trade,
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


def fill(subject: Fill) -> Body:
    """One execution; it carries no client order id since March 2026."""
    is_bid = subject.side is BookSide.BID
    return {
        "fill_id": subject.fill_id,
        "trade_id": subject.fill_id,
        "order_id": subject.order_id,
        "ticker": subject.ticker,
        "market_ticker": subject.ticker,
        "outcome_side": "yes" if is_bid else "no",
        "book_side": subject.side,
        "count_fp": count_text(subject.count),
        "yes_price_dollars": price_text(subject.price),
        "no_price_dollars": price_text(complement(subject.price)),
        "is_taker": subject.is_taker,
        "created_time": text.moment(subject.filled_at),
        "fee_cost": text.dollars(subject.fee),
        "subaccount_number": 0,
        "exchange_index": EXCHANGE_INDEX,
        "ts": int(subject.filled_at.timestamp()),
    }


def market_position(ticker: str, holding: Holding) -> Body:
    """A signed position: negative is NO."""
    position = holding.position
    return {
        "ticker": ticker,
        "exchange_index": EXCHANGE_INDEX,
        "total_traded_dollars": text.dollars(holding.traded),
        "position_fp": count_text(position.signed_count),
        "market_exposure_dollars": text.dollars(position.cost),
        "realized_pnl_dollars": text.dollars(position.realized),
        "fees_paid_dollars": text.dollars(position.fees),
        "last_updated_ts": text.moment(holding.updated_at),
    }


def event_positions(rows: list[tuple[Market, Holding]]) -> list[Body]:
    """The same positions, one row an event. Exposure is the sum of costs, not netted over exclusive brackets."""
    events: dict[str, list[Holding]] = defaultdict(list)
    for market, holding in rows:
        events[market.plan.ticker].append(holding)
    return [
        {
            "event_ticker": ticker,
            "total_cost_dollars": text.dollars(sum((h.traded for h in held), ZERO)),
            "total_cost_shares_fp": text.lots(sum(h.traded_lots for h in held)),
            "event_exposure_dollars": text.dollars(sum((h.position.cost for h in held), ZERO)),
            "realized_pnl_dollars": text.dollars(sum((h.position.realized for h in held), ZERO)),
            "fees_paid_dollars": text.dollars(sum((h.position.fees for h in held), ZERO)),
        }
        for ticker, held in events.items()
    ]


def settlement(subject: Settled) -> Body:
    """A payout: counts and costs of what was held when the market was finalized, revenue in cents."""
    position = subject.position
    yes = max(position.signed_count, ZERO)
    no = max(-position.signed_count, ZERO)
    return {
        "ticker": subject.ticker,
        "exchange_index": EXCHANGE_INDEX,
        "event_ticker": subject.event_ticker,
        "market_result": subject.result,
        "yes_count_fp": count_text(yes),
        "yes_total_cost_dollars": text.dollars(position.cost if yes else ZERO),
        "no_count_fp": count_text(no),
        "no_total_cost_dollars": text.dollars(position.cost if no else ZERO),
        "revenue": int(subject.revenue * CENTS),
        "settled_time": text.moment(subject.at),
        "fee_cost": text.dollars(position.fees),
        "value": 100 if subject.result == "yes" else 0,
    }


def portfolio_value(state: State, account: Account) -> int:
    """Cents that the open positions would be worth at the last price traded, or at cost where nothing was traded."""
    total = ZERO
    for ticker, holding in account.holdings.items():
        signed = holding.position.signed_count
        last = state.markets[ticker].last_cents
        if signed and last:
            total += leg_cost(signed > ZERO, last, int(abs(signed) * LOTS_PER_CONTRACT))
        elif signed:
            total += holding.position.cost
    return int(total * CENTS)
