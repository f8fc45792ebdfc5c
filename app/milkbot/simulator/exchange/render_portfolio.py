"""Fills, positions and settlements of an account in the exchange's JSON of 2026."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill
from milkbot.domain.units import ZERO, complement, count_text, price_text
from milkbot.simulator.engine.records import Account, Holding, Market, Settled
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT, leg_cost
from milkbot.simulator.exchange import text
from milkbot.simulator.exchange.render_market import EXCHANGE_INDEX

Body = dict[str, Any]
CENTS = Decimal(100)


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
