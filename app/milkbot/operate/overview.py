"""Everything that the page shows of the ledger, read together in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from milkbot.db import findings as finding_rows
from milkbot.db import holds, ledger, marks, risk_facts, terms, ticks
from milkbot.db import orders as order_rows
from milkbot.db.evidence_tables import Finding
from milkbot.db.ops import Order, RiskEvent, Tick
from milkbot.db.risk_tables import SeriesTerms
from milkbot.domain.modes import TradingMode
from milkbot.domain.order_states import UNRESOLVED, OrderState
from milkbot.domain.profit import unrealized
from milkbot.domain.trading_state import Hold, TradingState
from milkbot.domain.units import ZERO, Cash, Price
from milkbot.risk.breakers import MONTH, WEEK
from milkbot.settings import Settings
from milkbot.trader.exposure import current_exposure
from milkbot.trader.limits import limits_of
from milkbot.trader.reconcile.findings import allowed_now

_GAINED = """
SELECT {key} AS name, sum(net_pnl) AS net, sum(fees) AS fees, sum(trade_count) AS trades
FROM analytics.{table} WHERE trading_mode = :mode AND date >= :since GROUP BY 1 ORDER BY {order}
"""
_BY_DAY = text(_GAINED.format(key="date", table="city_metrics_daily", order="1 DESC"))
_BY_CITY = text(_GAINED.format(key="city_code", table="city_metrics_daily", order="2"))
_BY_STRATEGY = text(_GAINED.format(key="strategy_name", table="strategy_metrics_daily", order="2"))
_DECISIONS = text(
    """
    SELECT signal.ticker, signal.city_code, signal.decision, signal.reasons, signal.p_yes, signal.edge,
        signal.count AS contracts,
        market.yes_bid, market.yes_ask, COALESCE(weather.forecast_high_f, weather.forecast_low_f) AS forecast_f
    FROM ops.signals AS signal
    LEFT JOIN ops.market_snapshots AS market ON market.id = signal.market_snapshot_id
    LEFT JOIN ops.weather_snapshots AS weather ON weather.id = signal.weather_snapshot_id
    WHERE signal.tick_id = (
        SELECT id FROM ops.ticks WHERE trading_mode = :mode AND outcome = 'completed' ORDER BY started_at DESC LIMIT 1
    ) ORDER BY signal.ticker
    """
)
_DAYS = 14
_TICKS = timedelta(hours=24)
_ACTS = 15


@dataclass(frozen=True, slots=True)
class Used:
    """A limit in dollars, and how much of it is used; `what` is the event, city or cluster that uses most."""

    name: str
    what: str
    used: Cash
    limit: Cash

    @property
    def percent(self) -> int:
        """Of the limit; a limit of nothing is used up."""
        return 100 if self.limit <= 0 else max(0, int(100 * self.used / self.limit))


@dataclass(frozen=True, slots=True)
class Held:
    """A position. `now` is the best bid for the held leg when it was last seen, None where nobody bids.

    `worst` is what is lost if it settles against us.
    """

    ticker: str
    leg: str
    count: Decimal
    cost: Cash
    now: Price | None
    gain: Cash | None
    worst: Cash


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision of the newest tick, and what it was made from at that moment. Probabilities are of YES."""

    ticker: str
    city: str
    decision: str
    codes: tuple[str, ...]
    p_yes: float | None
    edge: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    count: Decimal
    forecast_f: float | None


@dataclass(frozen=True, slots=True)
class Gained:
    """Dollars: settled and closed, less fees, of a day, a city or a strategy."""

    name: str
    net: Decimal
    fees: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The ledger of one mode at `now`."""

    mode: TradingMode
    now: datetime
    state: TradingState
    tick: Tick | None
    holds: tuple[Hold, ...]
    findings: Sequence[Finding]
    terms: Sequence[SeriesTerms]
    cash: Cash
    used: tuple[Used, ...]
    held: tuple[Held, ...]
    orders: Sequence[Order]
    decisions: tuple[Decided, ...]
    by_day: tuple[Gained, ...]
    by_city: tuple[Gained, ...]
    by_strategy: tuple[Gained, ...]
    ticks: Sequence[Tick]
    acts: Sequence[RiskEvent]

    @property
    def unresolved(self) -> tuple[Order, ...]:
        """The orders whose outcome is not known."""
        return tuple(order for order in self.orders if OrderState(order.state) in UNRESOLVED)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """How many decisions have each code, the most frequent first."""
        return Counter(code for one in self.decisions for code in one.codes).most_common()

    @property
    def marked(self) -> Cash:
        """What selling everything that has a bid would bring over its cost."""
        return Cash(sum((one.gain for one in self.held if one.gain is not None), ZERO))


def read_overview(session: Session, settings: Settings, now: datetime) -> Overview:
    """All of it. Raises DatabaseUnavailableError."""
    mode = settings.trading_mode
    tick = ticks.latest_tick(session, mode)
    balance = ledger.newest_balance(session, mode)
    cash = Cash(balance.cash if balance else settings.bankroll)
    since_today = now.date() - timedelta(days=_DAYS - 1)
    return Overview(
        mode=mode,
        now=now,
        state=allowed_now(session, mode, now),
        tick=tick,
        holds=holds.holds(session, mode, now),
        findings=finding_rows.open_findings(session, mode),
        terms=terms.pending(session, mode),
        cash=cash,
        used=tuple(_used(session, settings, cash, now)),
        held=tuple(_held(session, mode)),
        orders=order_rows.open_orders(session, mode),
        decisions=_decisions(session, mode),
        by_day=_gained(session, _BY_DAY, mode, since_today),
        by_city=_gained(session, _BY_CITY, mode, since_today),
        by_strategy=_gained(session, _BY_STRATEGY, mode, since_today),
        ticks=session.scalars(
            select(Tick).where(Tick.trading_mode == mode, Tick.started_at >= now - _TICKS).order_by(Tick.started_at)
        ).all(),
        acts=session.scalars(
            select(RiskEvent)
            .where(RiskEvent.trading_mode == mode, RiskEvent.event_type == "operator")
            .order_by(RiskEvent.event_time.desc(), RiskEvent.id.desc())
            .limit(_ACTS)
        ).all(),
    )


def _used(session: Session, settings: Settings, cash: Cash, now: datetime) -> Iterator[Used]:
    """The limits on what is at risk, each by what uses most of it, and those on what was lost."""
    exposure, limits = current_exposure(session, settings.trading_mode, cash, frozenset()), limits_of(settings)
    for name, by, limit in (
        ("one event", exposure.by_event, limits.event),
        ("one city", exposure.by_city, limits.city),
        ("one cluster of cities", exposure.by_cluster, limits.cluster),
    ):
        what = max(by, key=by.__getitem__, default="")
        yield Used(name, what, by[what] if what else Cash(ZERO), limit)
    yield Used("everything open", "", exposure.total, limits.open_risk)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for name, since, percent in (
        ("lost today (UTC)", midnight, settings.max_daily_loss_pct),
        ("lost in 7 days", now - WEEK, settings.max_weekly_loss_pct),
        ("lost in 30 days", now - MONTH, settings.max_monthly_loss_pct),
    ):
        lost = risk_facts.lost_since(session, settings.trading_mode, since)
        yield Used(name, "", Cash(max(lost, ZERO)), Cash(settings.bankroll * percent / 100))


def _held(session: Session, mode: TradingMode) -> Iterator[Held]:
    found = ledger.held_positions(session, mode)
    seen = marks.newest_marks(session, mode, found)
    for row in found:
        now = seen.get(row.ticker)
        yield Held(
            ticker=row.ticker,
            leg="YES" if row.signed_count > 0 else "NO",
            count=abs(row.signed_count),
            cost=Cash(row.cost),
            now=now,
            gain=unrealized(ledger.to_position(row), now),
            worst=Cash(-row.cost),
        )


def _decisions(session: Session, mode: TradingMode) -> tuple[Decided, ...]:
    """Those of the newest tick that came to its end: one that runs has none yet."""
    return tuple(
        Decided(
            ticker=row.ticker,
            city=row.city_code,
            decision=row.decision,
            codes=tuple(row.reasons.get("codes", ())),
            p_yes=row.p_yes,
            edge=row.edge,
            bid=row.yes_bid,
            ask=row.yes_ask,
            count=row.contracts,
            forecast_f=row.forecast_f,
        )
        for row in session.execute(_DECISIONS, {"mode": mode})
    )


def _gained(session: Session, statement: TextClause, mode: TradingMode, since: date) -> tuple[Gained, ...]:
    found = session.execute(statement, {"mode": mode, "since": since})
    return tuple(Gained(str(row.name), row.net, row.fees, row.trades) for row in found)
