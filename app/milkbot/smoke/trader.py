"""Every statement of the trader's repositories, on a market that does not exist, in a ledger that nobody trades in."""

from __future__ import annotations

from decimal import Decimal

from milkbot.db import forecasts, ledger, orders, results, state, ticks
from milkbot.db.ops import Order
from milkbot.domain.orders import BookSide, OrderIntent, OrderState, TimeInForce
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ONE, ZERO, Cash, Count, Price
from milkbot.smoke import evidence, risk
from milkbot.smoke.checks import Checks
from milkbot.smoke.sample import Sample

STRATEGY = "smoke"
COMPONENT = "smoke"
_PRICE = Price(Decimal("0.40"))
_COUNT = Count(Decimal(10))


def run(check: Checks, sample: Sample) -> None:
    """A tick from its beginning to its end. Raises BrokenError where the rest would need what failed."""
    tick_id = check.need(
        ticks.begin_tick,
        check.session,
        mode=sample.mode,
        started_at=sample.newest,
        release="smoke",
        config_hash="0" * 12,
    )
    signal_id = _decide(check, sample, tick_id)
    order = _order(check, sample, signal_id)
    evidence.run(check, sample, order, tick_id)
    risk.run(check, sample, tick_id)
    _settle(check, sample)
    _tell(check, sample, tick_id)


def _decide(check: Checks, sample: Sample, tick_id: int) -> int:
    session = check.session
    weather = {
        **sample.common,
        "tick_id": tick_id,
        "climate_day": sample.day,
        "captured_at": sample.happened,
        "issued_at": sample.happened,
        "forecast_high_f": 60.0,
        "observed_max_f": 59.0,
        "forecast_low_f": 40.0,
        "observed_min_f": 41.0,
        "current_f": 58.0,
        "source": "smoke",
        "cell": "OKX/34,45",
        "observed_at": sample.happened,
        "left_out": 0,
    }
    weather_ids = check.need(ticks.save_weather, session, [weather])
    market = {
        **sample.common,
        "tick_id": tick_id,
        "ticker": sample.ticker,
        "event_ticker": sample.event,
        "captured_at": sample.happened,
        "status": "active",
        "strike_type": "between",
        "floor_strike": 60,
        "cap_strike": 61,
        "close_time": sample.now,
        "yes_bid": _PRICE,
        "yes_bid_size": _COUNT,
        "yes_ask": _PRICE,
        "yes_ask_size": _COUNT,
    }
    market_ids = check.need(ticks.save_markets, session, [market])
    signal = {
        **sample.market,
        "tick_id": tick_id,
        "weather_snapshot_id": weather_ids[0],
        "market_snapshot_id": market_ids[sample.ticker],
        "strategy_name": STRATEGY,
        "decision": "buy_yes",
        "p_yes": 0.5,
        "edge": Decimal("0.05"),
        "price": _PRICE,
        "count": _COUNT,
        "reasons": {"codes": ["smoke"]},
        "created_at": sample.happened,
    }
    _forecast(check, sample, tick_id, weather_ids[0], market_ids[sample.ticker])
    return check.need(ticks.save_signals, session, [signal])[sample.ticker]


def _forecast(check: Checks, sample: Sample, tick_id: int, weather_id: int, market_id: int) -> None:
    """One of the live forecaster, and a challenger that failed."""
    session, mode = check.session, sample.mode
    live = {
        "trading_mode": mode,
        "tick_id": tick_id,
        "event_ticker": sample.event,
        "climate_day": sample.day,
        "forecaster": STRATEGY,
        "is_live": True,
        "version": "1",
        "parameters_hash": "0" * 12,
        "as_of": sample.happened,
        "lead_s": 3600,
        "probabilities": [1.0],
        "reason": None,
        "detail": None,
        "elapsed_ms": 0.1,
        "weather_snapshot_id": weather_id,
        "market_snapshot_ids": [market_id],
    }
    failed = {"forecaster": "challenger", "is_live": False, "probabilities": None, "reason": "forecaster_failed"}
    check(forecasts.save, session, [live, {**live, **failed}])
    check(forecasts.challenged_since, session, mode, sample.happened)
    check(forecasts.live_forecaster, session, mode)
    check(forecasts.evidence_of, session, mode, STRATEGY, "1", "0" * 12)
    _results(check, sample)


def _results(check: Checks, sample: Sample) -> None:
    """The event's markets, and one that the exchange corrected."""
    session, mode = check.session, sample.mode
    result = {
        "ticker": sample.ticker,
        "event_ticker": sample.event,
        "climate_day": sample.day,
        "result": "yes",
        "yes_value": ONE,
        "expiration_value": "60.00",
        "settled_at": sample.happened,
        "recorded_at": sample.happened,
    }
    check(results.was_completed_since, session, mode, sample.happened)
    check(results.without, session, mode, [sample.event], 1)
    check(results.save, session, mode, [result])
    check(results.save, session, mode, [{**result, "result": "no", "yes_value": ZERO}])
    check(results.stored, session, mode, [sample.event])


def _order(check: Checks, sample: Sample, signal_id: int) -> Order:
    session, mode = check.session, sample.mode
    intent = OrderIntent(
        client_order_id=sample.name,
        ticker=sample.ticker,
        side=BookSide.BID,
        count=_COUNT,
        price=_PRICE,
        time_in_force=TimeInForce.GOOD_TILL_CANCELED,
        exchange_index=0,
        created_at=sample.happened,
    )
    context = orders.IntentContext(signal_id, sample.event, sample.name, sample.day, STRATEGY, attempt=1)
    order_id = check.need(orders.commit_intent, session, intent, context, mode=mode, at=sample.happened)
    order = check.need(orders.order_by_id, session, order_id)
    check(orders.strategies_of, session, mode, sample.event)
    check(orders.attempts, session, mode, sample.ticker, STRATEGY, sample.happened)
    check(orders.known_client_ids, session, [sample.name])
    check(orders.open_orders, session, mode)
    check(orders.recent_orders, session, mode, 1)
    for new in (OrderState.UNKNOWN, OrderState.RESTING):
        venue_id = sample.name if new is OrderState.RESTING else None
        check(orders.move, session, order, new, at=sample.now, reason="smoke", venue_order_id=venue_id)
    # A fill that comes before its order is found has none; it is adopted then.
    check(ledger.save_fill, session, _fill(sample))
    check(ledger.known_fills, session, mode, [sample.name])
    check(ledger.order_of_venue_id, session, sample.name)
    check(ledger.adopt_fills, session, order)
    check(orders.filled_by_order, session, mode)
    fills = check.need(ledger.fills_of, session, mode, sample.ticker)
    for row in fills:
        check(ledger.to_fill, row)
        check(ledger.set_realized, session, row.id, Cash(ZERO))
    check(ledger.newest_fill_time, session, mode)
    check(ledger.fills_of_orders_since, session, mode, sample.happened)
    check(orders.move, session, order, OrderState.FILLED, at=sample.now, reason=None)
    return order


def _fill(sample: Sample) -> dict[str, object]:
    return {
        **sample.market,
        "venue_fill_id": sample.name,
        "venue_order_id": sample.name,
        "order_id": None,
        "side": BookSide.BID,
        "count": _COUNT,
        "price": _PRICE,
        "fee": Decimal("0.17"),
        "realized_pnl": ZERO,
        "is_taker": True,
        "filled_at": sample.happened,
        "recorded_at": sample.now,
    }


def _settle(check: Checks, sample: Sample) -> None:
    session, mode, ticker = check.session, sample.mode, sample.ticker
    paid = {"signed_count": _COUNT, "cost": Decimal(4), "realized_pnl": Decimal(6)}
    position = {
        **sample.market,
        **paid,
        "fees": Decimal("0.17"),
        "is_closed": False,
        "opened_at": sample.happened,
        "updated_at": sample.now,
    }
    for _ in ("new", "over the earlier one"):
        check(ledger.save_position, session, position)
    row = check.need(ledger.position_of, session, mode, ticker)
    check(ledger.to_position, row)
    check(ledger.held_positions, session, mode)
    settlement = {
        **sample.market,
        **paid,
        "result": "yes",
        "yes_value": ONE,
        "revenue": Decimal(10),
        "settled_at": sample.happened,
        "recorded_at": sample.now,
    }
    check(ledger.save_settlement, session, settlement)
    settled = check.need(ledger.settlement_of, session, mode, ticker)
    corrected = {**paid, "revenue": Decimal(10)}
    check(ledger.correct_settlement, session, settled, corrected)
    evidence.correction(check, sample, settled)
    check(ledger.close_position, session, mode, ticker, at=sample.now)
    check(ledger.newest_settlement_time, session, mode)
    check(ledger.realized_since, session, mode, sample.happened)


def _tell(check: Checks, sample: Sample, tick_id: int) -> None:
    session, mode, now = check.session, sample.mode, sample.now
    check(
        ledger.save_balance,
        session,
        trading_mode=mode,
        tick_id=tick_id,
        captured_at=now,
        cash=Decimal(100),
        portfolio_value=ZERO,
    )
    check(ledger.newest_balance, session, mode)
    check(
        ticks.save_risk_event,
        session,
        trading_mode=mode,
        tick_id=tick_id,
        event_type="smoke",
        severity="info",
        message="smoke",
        city_code=sample.name,
        ticker=sample.ticker,
        payload={},
        event_time=now,
    )
    denial = {"trading_mode": mode, "tick_id": tick_id, "event_type": "smoke", "severity": "info", "message": "smoke"}
    check(ticks.save_denials, session, [{**denial, "event_time": now}])
    buckets = (("city", sample.name), ("strategy", STRATEGY), ("equity", ""))
    rows = [{"trading_mode": mode, "bucket": bucket, "key": key, "day": sample.day} for bucket, key in buckets]
    check(ticks.touch, session, rows)
    for status in ("degraded", "ok"):
        check(ticks.report_health, session, COMPONENT, status=status, checked_at=now, message="smoke", latency_ms=1.0)
    check(
        state.set_state,
        session,
        mode=mode,
        state=TradingState.HALTED,
        reason="smoke",
        set_by="smoke",
        since=now,
        until=now,
    )
    check(state.current_state, session, mode)
    check(state.live_is_armed, session, now)
    check(ticks.finish_tick, session, tick_id, finished_at=now, outcome="completed", message=None, counts={})
    check(ticks.latest_tick, session, mode)
    check(ticks.counted_since, session, mode, sample.newest)
    check(ticks.missing_since, session, mode)
