"""The metrics of a tick: how it ended, where the money is, and what the day has counted so far.

Money is a float here, and nowhere else: these numbers are for display, not for computing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from milkbot.db import holds, ledger, state, ticks
from milkbot.db import orders as order_rows
from milkbot.db.session import transaction
from milkbot.domain.orders import OPEN, OrderState
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ZERO, Cash
from milkbot.errors import MilkbotError
from milkbot.http import Traffic
from milkbot.risk.breakers import Breaker, source_of
from milkbot.risk.limits import DenialCode
from milkbot.risk.portfolio import Exposure
from milkbot.settings import Settings
from milkbot.textfile import Page, save
from milkbot.trader.counts import TickCounts
from milkbot.trader.decide.strategy import Reason
from milkbot.trader.exposure import current_exposure
from milkbot.trader.limits import limits_of
from milkbot.trader.report import Outcome, TickReport

_log = structlog.get_logger(__name__)
FILE: Final = "trader.prom"
_KILLED: Final = "killed"
_ANSWERS: Final = ("2xx", "3xx", "4xx", "429", "5xx", "none")


@dataclass(frozen=True, slots=True)
class ClientTraffic:
    """The requests of a tick to each service, and how far our clock is ahead of the exchange's.

    `unknown_fields` of the exchange's replies, by model and field: its document has changed.
    """

    exchange: Traffic
    weather: Traffic
    clock_skew_seconds: float | None
    unknown_fields: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """The ledger of a mode at one moment. `balance_at` is None in shadow, whose cash is the bankroll."""

    state: TradingState
    cash: Cash
    portfolio_value: Cash
    balance_at: datetime | None
    exposure: Exposure
    positions: int
    open_orders: Counter[str]
    realized_today: Cash
    ticks_today: Counter[str]
    counts_today: TickCounts
    held_by: frozenset[str] = frozenset()


def publish(settings: Settings, engine: Engine, report: TickReport, traffic: ClientTraffic) -> None:
    """Write the file of a tick that ended, also of one that failed; nothing without a directory for it.

    Without an answer of the database the file says nothing of the ledger. Raises nothing: a tick that traded is good
    whether its metrics could be written or not.
    """
    if settings.milkbot_metrics_directory is None:
        return
    summary = None
    try:
        with transaction(engine) as session:
            summary = read_summary(session, settings, report.finished_at or report.started_at)
    except (MilkbotError, SQLAlchemyError) as error:
        _log.warning("metrics without the ledger", problem=str(error))
    save(page_of(settings, report, traffic, summary), settings.milkbot_metrics_directory / FILE)


def read_summary(session: Session, settings: Settings, now: datetime) -> LedgerSummary:
    """The ledger of the settings' mode. "Today" is the UTC day. Raises DatabaseUnavailableError."""
    mode = settings.trading_mode
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    balance = ledger.newest_balance(session, mode)
    cash = Cash(balance.cash if balance else settings.bankroll)
    record = state.current_state(session, mode)
    ticks_today, counts_today = ticks.counted_since(session, mode, midnight)
    return LedgerSummary(
        state=record.at(now) if record else TradingState.ACTIVE,
        cash=cash,
        portfolio_value=Cash(balance.portfolio_value if balance else ZERO),
        balance_at=balance.captured_at if balance else None,
        exposure=current_exposure(session, mode, cash, frozenset()),
        positions=len(ledger.held_positions(session, mode)),
        open_orders=Counter(order.state for order in order_rows.open_orders(session, mode)),
        realized_today=ledger.realized_since(session, mode, midnight),
        ticks_today=ticks_today,
        counts_today=TickCounts.of_row(counts_today),
        held_by=frozenset(hold.source for hold in holds.holds(session, mode, now)),
    )


def page_of(settings: Settings, report: TickReport, traffic: ClientTraffic, summary: LedgerSummary | None) -> Page:
    """The metrics of a tick. Every state, reason and code is there, at zero too: an increase needs a beginning."""
    page = Page(mode=str(settings.trading_mode))
    _add_tick(page, report)
    _add_requests(page, traffic)
    if summary is not None:
        _add_ledger(page, summary)
        _add_limits(page, settings, summary)
        _add_day(page, summary)
    return page


def _add_tick(page: Page, report: TickReport) -> None:
    ended = report.finished_at or report.started_at
    page.gauge("milkbot_tick_finished_timestamp_seconds", "When the newest tick ended.", ended.timestamp())
    duration = (ended - report.started_at).total_seconds()
    page.gauge("milkbot_tick_duration_seconds", "How long it took.", duration)
    page.gauge("milkbot_tick_outcome", "1 for how it ended.", _one_of(Outcome, report.outcome), by="outcome")
    page.gauge("milkbot_tick_events", "Events that it saw.", report.counts.events or 0)
    missing = {series: float(number) for series, number in sorted(report.missing.items())}
    text = "Markets that were due at that hour and were not seen."
    page.gauge("milkbot_tick_missing_markets", text, missing, by="series")
    reasons = _by(Reason, report.counts.reasons)
    page.gauge("milkbot_tick_decisions", "Markets that it decided on, by the first reason.", reasons, by="reason")
    page.gauge("milkbot_blocked_events", "Events that may take no new risk.", report.blocked_events)
    _add_weather(page, report)


def _add_weather(page: Page, report: TickReport) -> None:
    cities = sorted(report.weather.items())
    issued = {code: city.issued_at.timestamp() for code, city in cities if city.issued_at is not None}
    text = "When the oldest forecast that it read for a city was issued."
    page.gauge("milkbot_forecast_issued_timestamp_seconds", text, issued, by="city")
    observed = {code: city.observed_at.timestamp() for code, city in cities if city.observed_at is not None}
    text = "When the newest plausible measurement of a city was made; read for a day that has begun."
    page.gauge("milkbot_observation_timestamp_seconds", text, observed, by="city")
    left_out = {code: float(city.left_out) for code, city in cities}
    page.gauge("milkbot_measurements_left_out", "Measurements that are not plausible.", left_out, by="city")
    problems = {code: float(len(city.problems)) for code, city in cities}
    page.gauge("milkbot_weather_problems", "Forecasts and measurements missing or too old.", problems, by="city")


def _add_requests(page: Page, traffic: ClientTraffic) -> None:
    for name, requests in (("exchange", traffic.exchange), ("weather", traffic.weather)):
        answers = {answer: float(requests.answers[answer]) for answer in _ANSWERS}
        page.gauge(f"milkbot_tick_{name}_requests", "Requests of the newest tick, by answer.", answers, by="answer")
        page.gauge(f"milkbot_tick_{name}_seconds", "Seconds that those took together.", requests.seconds)
    if traffic.unknown_fields:
        text = "Fields of the exchange's replies that its document does not have."
        unknown = {f"{model}.{name}": float(times) for (model, name), times in sorted(traffic.unknown_fields.items())}
        page.gauge("milkbot_tick_exchange_unknown_fields", text, unknown, by="field")
    if traffic.clock_skew_seconds is not None:
        text = "How far our clock is ahead of the exchange's, good to half a second."
        page.gauge("milkbot_clock_skew_seconds", text, traffic.clock_skew_seconds)


def _add_ledger(page: Page, summary: LedgerSummary) -> None:
    now_in = _one_of(TradingState, summary.state)
    page.gauge("milkbot_trading_state", "1 for the state that is in force.", now_in, by="state")
    tripped = {str(breaker): float(source_of(breaker) in summary.held_by) for breaker in Breaker}
    page.gauge("milkbot_breaker_tripped", "1 for a breaker whose hold is in force.", tripped, by="breaker")
    equity = summary.cash + summary.portfolio_value
    page.gauge("milkbot_cash_dollars", "Cash that is free, as the exchange says.", float(summary.cash))
    page.gauge("milkbot_equity_dollars", "Cash, and positions at the exchange's marks.", float(equity))
    if summary.balance_at is not None:
        stamp = summary.balance_at.timestamp()
        page.gauge("milkbot_balance_timestamp_seconds", "When the exchange said so.", stamp)
    page.gauge("milkbot_positions", "Markets held.", summary.positions)
    open_orders = {str(name): float(summary.open_orders[name]) for name in sorted(OPEN)}
    page.gauge("milkbot_open_orders", "Orders that are not at their end, by state.", open_orders, by="state")
    realized = float(summary.realized_today)
    page.gauge("milkbot_realized_today_dollars", "Won or lost since midnight UTC, after fees.", realized)


def _add_limits(page: Page, settings: Settings, summary: LedgerSummary) -> None:
    exposure, limits = summary.exposure, limits_of(settings)
    daily_loss = settings.bankroll * settings.max_daily_loss_pct / Decimal(100)
    used = {
        "event": _most(exposure.by_event.values()),
        "city": _most(exposure.by_city.values()),
        "cluster": _most(exposure.by_cluster.values()),
        "open_risk": float(exposure.total),
        "daily_loss": float(max(ZERO, -summary.realized_today)),
    }
    allowed = {
        "event": float(limits.event),
        "city": float(limits.city),
        "cluster": float(limits.cluster),
        "open_risk": float(limits.open_risk),
        "daily_loss": float(daily_loss),
    }
    page.gauge("milkbot_risk_dollars", "Dollars used of a limit, by the fullest one of its kind.", used, by="limit")
    page.gauge("milkbot_risk_limit_dollars", "The limit.", allowed, by="limit")


def _add_day(page: Page, summary: LedgerSummary) -> None:
    """Counters that begin again at midnight UTC, as the report rows of the day's ticks add up to them."""
    counts = summary.counts_today
    ended = {**_by(Outcome, summary.ticks_today), _KILLED: float(summary.ticks_today[_KILLED])}
    page.counter("milkbot_ticks", "Ticks of the UTC day, by how they ended.", ended, by="outcome")
    orders = _by(OrderState, counts.orders)
    page.counter("milkbot_orders", "Orders sent in the UTC day, by the state that this left.", orders, by="state")
    denied = _by(DenialCode, counts.denied)
    page.counter("milkbot_denials", "Orders that the risk engine refused in the UTC day.", denied, by="code")
    for name, text, number in (
        ("fills", "Fills found in the UTC day.", counts.fills),
        ("settlements", "Settlements found in the UTC day.", counts.settlements),
        ("mismatches", "Positions in the UTC day that were not what the exchange holds.", counts.mismatches),
        ("canceled", "Orders canceled in the UTC day that a dead tick had left resting.", counts.canceled),
        (
            "too_late",
            "Orders of the UTC day that were not sent any more: too long after their commit.",
            counts.too_late,
        ),
    ):
        page.counter(f"milkbot_{name}", text, number or 0)


def _by(names: type[StrEnum], counted: Mapping[str, int]) -> dict[str, float]:
    return {str(name): float(counted.get(name, 0)) for name in names}


def _one_of(names: type[StrEnum], chosen: StrEnum) -> dict[str, float]:
    return {str(name): float(name is chosen) for name in names}


def _most(amounts: Iterable[Cash]) -> float:
    return float(max(amounts, default=ZERO))
