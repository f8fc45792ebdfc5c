"""Series, events, markets and order books in the exchange's JSON of 2026. The texts are our own, with the station."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from milkbot.domain.cities import City, Extreme, Series
from milkbot.domain.markets import MarketStatus, Strike, StrikeType
from milkbot.simulator.engine.plan import SETTLEMENT_TIMER, EventPlan
from milkbot.simulator.engine.records import Market, Trade
from milkbot.simulator.exchange import text

CATEGORY = "Climate and Weather"
TAGS = ["Daily temperature"]
EXCHANGE_INDEX = 0
ROOT = "https://simulator.invalid"
"""Where documents would be that the simulator does not have."""

Body = dict[str, Any]
_SAID = {Extreme.HIGH: "highest temperature", Extreme.LOW: "lowest temperature"}


def series(listed: Series) -> Body:
    """GET /series."""
    return {
        "ticker": listed.ticker,
        "frequency": "daily",
        "title": f"{_SAID[listed.extreme].capitalize()} in {listed.city.name}",
        "category": CATEGORY,
        "categories": [CATEGORY],
        "tags": TAGS,
        "settlement_sources": _sources(listed.city),
        "contract_url": f"{ROOT}/contracts/{listed.ticker}",
        "contract_terms_url": f"{ROOT}/terms/{listed.ticker}",
        "fee_type": "quadratic",
        "fee_multiplier": 1,
        "additional_prohibitions": [],
        "exchange_index": EXCHANGE_INDEX,
    }


def event(plan: EventPlan) -> Body:
    """An event without its markets."""
    return {
        "event_ticker": plan.ticker,
        "series_ticker": plan.series.ticker,
        "sub_title": f"On {_day(plan)}",
        "title": f"{_said(plan).capitalize()} in {plan.city.name} on {_day(plan)}?",
        "collateral_return_type": "MECNET",
        "mutually_exclusive": True,
        "category": CATEGORY,
        "strike_date": text.moment(plan.closes_at),
        "strike_period": "",
        "settlement_sources": _sources(plan.city),
        "last_updated_ts": text.moment(plan.created_at),
        "exchange_index": EXCHANGE_INDEX,
    }


def metadata(plan: EventPlan, markets: list[Market]) -> Body:
    """What a page shows with an event: no pictures, the sources."""
    details = [{"market_ticker": market.ticker, "image_url": "", "color_code": ""} for market in markets]
    return {"image_url": "", "market_details": details, "settlement_sources": _sources(plan.city)}


def market(subject: Market, now: datetime) -> Body:
    """A market with its quotes. An empty side has size 0 and a price that means nothing."""
    plan, strike = subject.plan, subject.strike
    status = subject.status(now)
    bids, asks = subject.orderbook.levels(is_bid=True), subject.orderbook.levels(is_bid=False)
    bid, bid_lots = bids[0] if bids else (0, 0)
    ask, ask_lots = asks[0] if asks else (100, 0)
    expiration = text.moment(plan.determined_at + timedelta(days=7))
    body: Body = {
        "ticker": subject.ticker,
        "event_ticker": plan.ticker,
        "market_type": "binary",
        "title": f"{plan.city.name}, {_day(plan)}: {_said(plan)} {_degrees(strike)}?",
        "subtitle": _degrees(strike),
        "yes_sub_title": _degrees(strike),
        "no_sub_title": _degrees(strike),
        "created_time": text.moment(plan.created_at),
        "updated_time": text.moment(subject.updated_at or plan.created_at),
        "open_time": text.moment(plan.opens_at),
        "close_time": text.moment(subject.closes_at),
        "expected_expiration_time": text.moment(plan.determined_at),
        "expiration_time": expiration,
        "latest_expiration_time": expiration,
        "occurrence_datetime": text.moment(plan.city.day_bounds(plan.day)[0]),
        "settlement_bounds_type": "default",
        "settlement_timer_seconds": int(SETTLEMENT_TIMER.total_seconds()),
        "status": status,
        "yes_bid_dollars": text.cents(bid),
        "yes_bid_size_fp": text.lots(bid_lots),
        "yes_ask_dollars": text.cents(ask),
        "yes_ask_size_fp": text.lots(ask_lots),
        "no_bid_dollars": text.cents(100 - ask),
        "no_ask_dollars": text.cents(100 - bid),
        "last_price_dollars": text.cents(subject.last_cents),
        "previous_yes_bid_dollars": text.cents(0),
        "previous_yes_ask_dollars": text.cents(0),
        "previous_price_dollars": text.cents(0),
        "volume_fp": text.lots(subject.volume),
        "volume_24h_fp": text.lots(subject.volume_of_day(now)),
        "open_interest_fp": text.lots(subject.open_interest),
        "notional_value_dollars": text.cents(100),
        "result": subject.result,
        "expiration_value": subject.expiration_value,
        "can_close_early": True,
        "early_close_condition": f"Trading ends with {_day(plan)}, local standard time, whatever was measured.",
        "rules_primary": _rules(plan, strike),
        "rules_secondary": "Other services may differ; preliminary values and later revisions do not count.",
        "price_level_structure": "linear_cent",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
        "strike_type": strike.kind,
        "exchange_index": EXCHANGE_INDEX,
    }
    if strike.floor is not None:
        body["floor_strike"] = strike.floor
    if strike.cap is not None:
        body["cap_strike"] = strike.cap
    if status is MarketStatus.FINALIZED:
        body["settlement_ts"] = text.moment(subject.finalized_at)
        body["settlement_value_dollars"] = text.cents(100 if subject.result == "yes" else 0)
    return body


def orderbook(subject: Market | None, depth: int) -> Body:
    """Bids of both legs, ascending, best last; depth 0 is all of it. An unknown market has an empty book."""
    yes = subject.orderbook.levels(is_bid=True) if subject else []
    no = [(100 - cents, lots) for cents, lots in subject.orderbook.levels(is_bid=False)] if subject else []
    return {"yes_dollars": _levels(yes, depth), "no_dollars": _levels(no, depth)}


def trade(line: Trade) -> Body:
    """A line of the public tape."""
    return {
        "trade_id": line.trade_id,
        "ticker": line.ticker,
        "count_fp": text.lots(line.lots),
        "yes_price_dollars": text.cents(line.cents),
        "no_price_dollars": text.cents(100 - line.cents),
        "taker_outcome_side": "yes" if line.taker_is_bid else "no",
        "taker_book_side": "bid" if line.taker_is_bid else "ask",
        "created_time": text.moment(line.at),
        "is_block_trade": False,
    }


def _levels(best_first: list[tuple[int, int]], depth: int) -> list[list[str]]:
    shown = best_first[:depth] if depth > 0 else best_first
    return [[text.cents(cents), text.lots(lots)] for cents, lots in reversed(shown)]


def _sources(city: City) -> list[Body]:
    return [{"name": f"Daily climate report {city.climate_report}", "url": f"{ROOT}/reports/{city.climate_report}"}]


def _rules(plan: EventPlan, strike: Strike) -> str:
    return (
        f"This market resolves to Yes when the {_said(plan)} measured on {_day(plan)} (local standard time) at "
        f"{plan.city.rules_phrases[0]}, station code {plan.city.climate_report}, as first published in final form, "
        f"is {_degrees(strike)}. Otherwise it resolves to No."
    )


def _said(plan: EventPlan) -> str:
    return _SAID[plan.series.extreme]


def _degrees(strike: Strike) -> str:
    if strike.kind is StrikeType.BETWEEN:
        return f"{strike.floor}° to {strike.cap}°"
    if strike.cap is not None:
        return f"{strike.cap - 1}° or below"
    return f"{(strike.floor or 0) + 1}° or above"


def _day(plan: EventPlan) -> str:
    return f"{plan.day:%b} {plan.day.day}, {plan.day.year}"
