"""The exchange's records as JSON values and back. Moments are ISO text, exact numbers are text."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from milkbot.domain.cities import series_of
from milkbot.domain.markets import Strike, StrikeType
from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.domain.positions import Fill, Position
from milkbot.domain.units import Cash, Count, Price
from milkbot.simulator.engine.irregular import Irregular
from milkbot.simulator.engine.orderbook import Resting, SelfTrade
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.engine.records import Account, AccountFill, Holding, Market, Order, OrderGroup, Settled, Trade
from milkbot.simulator.engine.state import Record
from milkbot.venue.values import VenueOrderStatus

Body = dict[str, Any]
_IRREGULAR_FIELDS = tuple(field.name for field in fields(Irregular))
_ORDER_AMOUNTS = ("taker_cost", "maker_cost", "taker_fees", "maker_fees", "carried")
_ORDER_FIELDS = tuple(field.name for field in fields(Order))
_TRADE_FIELDS = tuple(field.name for field in fields(Trade))


def encoded(record: Record) -> Body:
    """Any record as JSON values."""
    if isinstance(record, EventPlan):
        return plan_to(record)
    if isinstance(record, Market):
        return market_to(record)
    if isinstance(record, Account):
        return account_to(record)
    if isinstance(record, Order):
        return order_to(record)
    if isinstance(record, OrderGroup):
        return group_to(record)
    if isinstance(record, AccountFill):
        return fill_to(record)
    return settled_to(record) if isinstance(record, Settled) else trade_to(record)


def plan_to(plan: EventPlan) -> Body:
    """An event's plan."""
    return {
        "series": plan.series.ticker,
        "day": plan.day.isoformat(),
        "strikes": [[strike.kind, strike.floor, strike.cap] for strike in plan.strikes],
        "times": [t.isoformat() for t in (plan.created_at, plan.opens_at, plan.closes_at, plan.determined_at)],
    }


def plan_from(body: Body) -> EventPlan:
    """The reverse of plan_to."""
    strikes = tuple(Strike(StrikeType(kind), floor, cap) for kind, floor, cap in body["strikes"])
    times = [datetime.fromisoformat(text) for text in body["times"]]
    return EventPlan(series_of(body["series"]), date.fromisoformat(body["day"]), strikes, *times)


def market_to(market: Market) -> Body:
    """A market with its book."""
    return {
        "strike": market.plan.strikes.index(market.strike),
        "book": [[r.owner, r.ref, r.is_bid, r.cents, r.lots, r.sequence, r.is_house] for r in market.orderbook],
        "marks": market.marks,
        "stepped_at": _text(market.stepped_at),
        "holders": market.holders,
        "last_cents": market.last_cents,
        "volume": market.volume,
        "volume_by_hour": list(market.volume_by_hour.items()),
        "updated_at": _text(market.updated_at),
        "result": market.result,
        "expiration_value": market.expiration_value,
        "irregular": _irregular_to(market.irregular),
    }


def market_from(ticker: str, body: Body, plan: EventPlan) -> Market:
    """The reverse of market_to."""
    market = Market(ticker, plan, plan.strikes[body["strike"]])
    for row in body["book"]:
        market.orderbook.add(Resting(*row))
    market.marks = body["marks"]
    market.stepped_at = _moment(body["stepped_at"])
    market.holders = body["holders"]
    market.last_cents = body["last_cents"]
    market.volume = body["volume"]
    market.volume_by_hour = dict(body["volume_by_hour"])
    market.updated_at = _moment(body["updated_at"])
    market.result = body["result"]
    market.expiration_value = body["expiration_value"]
    market.irregular = _irregular_from(body.get("irregular", {}))
    return market


def order_to(order: Order) -> Body:
    """An account's order."""
    body = {name: getattr(order, name) for name in _ORDER_FIELDS}
    for name in ("created_at", "updated_at", "expires_at"):
        body[name] = _text(body[name])
    for name in _ORDER_AMOUNTS:
        body[name] = str(body[name])
    return body


def order_from(body: Body) -> Order:
    """The reverse of order_to."""
    moments = {name: _moment(body[name]) for name in ("created_at", "updated_at", "expires_at")}
    # A state of an earlier release has not all of them.
    amounts = {name: Decimal(body[name]) for name in _ORDER_AMOUNTS if name in body}
    kinds = {
        "time_in_force": TimeInForce(body["time_in_force"]),
        "self_trade": SelfTrade(body["self_trade"]),
        "status": VenueOrderStatus(body["status"]),
    }
    return Order(**{**body, **moments, **amounts, **kinds})


def group_to(group: OrderGroup) -> Body:
    """An order group."""
    matched = [[at.isoformat(), lots] for at, lots in group.matched]
    names = ("group_id", "account", "limit_lots", "sequence", "is_triggered", "is_deleted")
    return {**{name: getattr(group, name) for name in names}, "matched": matched}


def group_from(body: Body) -> OrderGroup:
    """The reverse of group_to."""
    return OrderGroup(**{**body, "matched": [(datetime.fromisoformat(at), lots) for at, lots in body["matched"]]})


def fill_to(filled: AccountFill) -> Body:
    """A fill with its account."""
    fill = filled.fill
    row = [fill.fill_id, fill.order_id, fill.ticker, fill.side, str(fill.count), str(fill.price), str(fill.fee)]
    return {
        "sequence": filled.sequence,
        "account": filled.account,
        "fill": [*row, fill.is_taker, fill.filled_at.isoformat()],
    }


def fill_from(body: Body) -> AccountFill:
    """The reverse of fill_to."""
    fill_id, order_id, ticker, side, count, price, fee, is_taker, at = body["fill"]
    fill = Fill(
        fill_id,
        order_id,
        ticker,
        BookSide(side),
        Count(Decimal(count)),
        Price(Decimal(price)),
        Cash(Decimal(fee)),
        is_taker,
        datetime.fromisoformat(at),
    )
    return AccountFill(body["sequence"], body["account"], fill)


def trade_to(trade: Trade) -> Body:
    """A line of the tape."""
    return {**{name: getattr(trade, name) for name in _TRADE_FIELDS}, "at": trade.at.isoformat()}


def trade_from(body: Body) -> Trade:
    """The reverse of trade_to."""
    return Trade(**{**body, "at": datetime.fromisoformat(body["at"])})


def settled_to(settled: Settled) -> Body:
    """A payout."""
    plain = {"position": _position_to(settled.position), "revenue": str(settled.revenue), "at": settled.at.isoformat()}
    names = ("sequence", "account", "ticker", "event_ticker", "result")
    return {**{name: getattr(settled, name) for name in names}, **plain}


def settled_from(body: Body) -> Settled:
    """The reverse of settled_to."""
    typed = {
        "position": _position_from(body["position"]),
        "revenue": Cash(Decimal(body["revenue"])),
        "at": datetime.fromisoformat(body["at"]),
    }
    return Settled(**{**body, **typed})


def account_to(account: Account) -> Body:
    """An account with its holdings."""
    return {
        "public_key_pem": account.public_key_pem,
        "user_id": account.user_id,
        "cash": str(account.cash),
        "updated_at": _text(account.updated_at),
        "holdings": {
            ticker: [_position_to(h.position), str(h.traded), h.traded_lots, h.updated_at.isoformat(), h.is_settled]
            for ticker, h in account.holdings.items()
        },
    }


def account_from(key_id: str, body: Body) -> Account:
    """The reverse of account_to."""
    holdings = {
        ticker: Holding(_position_from(row[0]), Decimal(row[1]), row[2], datetime.fromisoformat(row[3]), row[4])
        for ticker, row in body["holdings"].items()
    }
    cash, updated_at = Decimal(body["cash"]), _moment(body["updated_at"])
    return Account(key_id, body["public_key_pem"], body["user_id"], cash, holdings, updated_at)


def _position_to(position: Position) -> list[str]:
    amounts = (position.signed_count, position.cost, position.fees, position.realized)
    return [position.ticker, *map(str, amounts)]


def _position_from(row: list[str]) -> Position:
    signed, cost, fees, realized = map(Decimal, row[1:])
    return Position(row[0], Count(signed), Cash(cost), Cash(fees), Cash(realized))


def _irregular_to(odd: Irregular) -> Body:
    """Only what is not as planned."""
    values = {name: getattr(odd, name) for name in _IRREGULAR_FIELDS}
    found = {name: value for name, value in values.items() if value is not None}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


def _irregular_from(body: Body) -> Irregular:
    values: Body = {name: datetime.fromisoformat(v) if isinstance(v, str) else v for name, v in body.items()}
    return Irregular(**values)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
