"""From what was seen to the orders that may be sent: decide, store every decision, pass the risk engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from milkbot.db import forecasts, holds, ledger, risk_facts, ticks
from milkbot.db import orders as order_rows
from milkbot.db.session import transaction
from milkbot.domain.clock import Clock
from milkbot.domain.orders import OrderIntent, client_order_id, side_of
from milkbot.domain.trading_state import TradingState, size_factor
from milkbot.domain.units import Cash, Count
from milkbot.risk.engine import Conditions
from milkbot.risk.limits import Limits
from milkbot.risk.portfolio import Exposure
from milkbot.settings import Settings
from milkbot.trader.decide import resting, strategy
from milkbot.trader.decide.approval import approved, sized_sales
from milkbot.trader.decide.forecasts import Forecast, Forecasters
from milkbot.trader.decide.proposals import Candidate
from milkbot.trader.decide.quoting import AT_ONCE, sending
from milkbot.trader.decide.rules import quote_rules_of, strategy_rules_of
from milkbot.trader.decide.signals import signal_row, touched_buckets
from milkbot.trader.decide.strategy import Action, EventView, StrategyRules, yes_price
from milkbot.trader.decide.weather_report import weather_report
from milkbot.trader.exposure import current_exposure
from milkbot.trader.limits import limits_of
from milkbot.trader.observe import snapshots, terms
from milkbot.trader.observe.observation import Observed
from milkbot.trader.observe.snapshots import SnapshotIds
from milkbot.trader.orders.order_group import Group
from milkbot.trader.refused import LOOK_BACK, LeftAlone, left_alone
from milkbot.trader.report import TickReport
from milkbot.trader.strategies import strategy_of


@dataclass(frozen=True, slots=True)
class ReadyOrder:
    """An order that passed the risk engine, with where it comes from."""

    intent: OrderIntent
    context: order_rows.IntentContext


@dataclass(frozen=True, slots=True)
class AccountState:
    """The account before a decision: free cash in dollars, and what may be done with it."""

    cash: Cash
    blocked_events: frozenset[str]
    allowed: TradingState
    group: Group
    clock_skew: timedelta | None
    pause_at: datetime | None
    """When the exchange pauses next, where something may rest until then."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The orders to send, best edge first, and what was decided of each market, by its ticker."""

    orders: tuple[ReadyOrder, ...]
    candidates: Mapping[str, Candidate]
    observed: Sequence[Observed]
    snapshots: SnapshotIds
    as_of: datetime


@dataclass(frozen=True, slots=True)
class _Basis:
    """What every decision of one tick is made by: signed positions by market, what is at risk, and the bounds."""

    held: Mapping[str, Count]
    exposure: Exposure
    limits: Limits
    rules: StrategyRules
    own: resting.OwnOrders
    left_alone: Mapping[str, LeftAlone]


class Decider:
    """The part of a tick between reading and sending. It writes snapshots, forecasts, signals and denials; it sends
    nothing.
    """

    def __init__(self, settings: Settings, engine: Engine, clock: Clock) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._mode = settings.trading_mode
        self._quotes = quote_rules_of(settings)
        self._forecasters = Forecasters(settings)
        self._strategy = strategy_of(settings.forecaster)

    def close(self) -> None:
        """End the forecasters' processes."""
        self._forecasters.close()

    def decide(self, report: TickReport, observed: Sequence[Observed], account: AccountState) -> Decided:
        """Store what was seen and one decision for every market, and what the risk engine says of each order."""
        as_of = self._clock.now()
        # Outside of a transaction: nobody knows how long it takes.
        by_event = self._forecasters.live(observed, as_of)
        now = self._clock.now()
        with transaction(self._engine) as session:
            ids = self._store_observed(session, report.tick_id, observed, now)
            forecasts.save(session, [one.row(self._mode, report.tick_id, ids) for one in by_event.values()])
            standing = self._standing(session, by_event.values())
            basis = self._read_basis(session, account, standing, now)
            wanted = tuple(_candidates(observed, by_event, basis, now))
            candidates = sized_sales(wanted, basis.held, basis.exposure, basis.limits)
            signal_ids = self._store_signals(session, report.tick_id, ids, candidates, now)
            ticks.touch(session, touched_buckets(self._mode, observed, self._strategy))
            report.weather = weather_report(candidates, now)
            _count(report, observed, candidates)
            passed = self._pass_risk_engine(session, report, observed, candidates, basis, account, now)
            orders = tuple(
                self._order(session, candidate, signal_ids[candidate.market.ticker], account, now)
                for candidate in passed
            )
        by_market = {candidate.market.ticker: candidate for candidate in candidates}
        return Decided(orders, by_market, observed, ids, as_of)

    def challenge(self, report: TickReport, decided: Decided) -> None:
        """Ask the challengers of what was decided on, and store what they answer."""
        if not self._forecasters.challengers:
            return
        hour = decided.as_of.replace(minute=0, second=0, microsecond=0)
        with transaction(self._engine) as session:
            known = forecasts.challenged_since(session, self._mode, hour)
        made = self._forecasters.challenge(decided.observed, decided.as_of, known)
        with transaction(self._engine) as session:
            forecasts.save(session, [one.row(self._mode, report.tick_id, decided.snapshots) for one in made])

    def _store_observed(
        self, session: Session, tick_id: int, observed: Sequence[Observed], now: datetime
    ) -> SnapshotIds:
        ids = snapshots.store(session, observed, tick_id=tick_id, mode=self._mode, captured_at=now)
        terms.save_ladders(session, observed, now)
        return ids

    def _standing(self, session: Session, made: Iterable[Forecast]) -> str | None:
        """What the evidence says of exactly the forecaster that made them; None where there is none, or none is
        asked for.
        """
        one = next((forecast.identity for forecast in made if forecast.identity is not None), None)
        if one is None or not self._settings.size_by_evidence:
            return None
        found = forecasts.evidence_of(session, self._mode, one.name, one.version, one.parameters_hash)
        return None if found is None else found.standing

    def _read_basis(self, session: Session, account: AccountState, standing: str | None, now: datetime) -> _Basis:
        held = {row.ticker: Count(row.signed_count) for row in ledger.held_positions(session, self._mode)}
        exposure = current_exposure(session, self._mode, account.cash, account.blocked_events)
        factor = size_factor(holds.holds(session, self._mode, now), now)
        limits = limits_of(self._settings).sized(factor)
        rules = strategy_rules_of(self._settings, limits, exposure, factor, standing)
        own = resting.own_orders(session, self._mode, account.pause_at, now)
        sent = risk_facts.sent_since(session, self._mode, now - LOOK_BACK)
        return _Basis(held, exposure, limits, rules, own, left_alone(sent, now))

    def _store_signals(
        self, session: Session, tick_id: int, ids: SnapshotIds, candidates: Sequence[Candidate], now: datetime
    ) -> dict[str, int]:
        """Store every decision; returns the id of each market's signal."""
        rows = [signal_row(self._mode, tick_id, ids, candidate, self._strategy, now) for candidate in candidates]
        return ticks.save_signals(session, rows)

    def _pass_risk_engine(
        self,
        session: Session,
        report: TickReport,
        observed: Sequence[Observed],
        candidates: Sequence[Candidate],
        basis: _Basis,
        account: AccountState,
        now: datetime,
    ) -> list[Candidate]:
        judged = terms.judge(session, self._mode, observed, tick_id=report.tick_id, now=now)
        return approved(
            session,
            report,
            self._mode,
            candidates,
            held=basis.held,
            terms=judged,
            exposure=basis.exposure,
            limits=basis.limits,
            conditions=self._conditions(session, account, now),
            now=now,
        )

    def _conditions(self, session: Session, account: AccountState, now: datetime) -> Conditions:
        orders = risk_facts.orders_since(session, self._mode, now - timedelta(hours=1))
        return Conditions(account.allowed, orders, clock_skew=account.clock_skew, group_ready=account.group.ready)

    def _order(
        self, session: Session, candidate: Candidate, signal_id: int, account: AccountState, now: datetime
    ) -> ReadyOrder:
        """The order of a decision. An earlier attempt at it is dead: were it not, its event would be blocked."""
        decision, market, seen = candidate.decision, candidate.market, candidate.seen
        leg, price = decision.bought
        sells = decision.action is Action.SELL
        attempt = 1 + order_rows.attempts(session, self._mode, market.ticker, self._strategy, now)
        how = AT_ONCE if sells else sending(self._quotes, market.close_time, account.pause_at, now)
        intent = OrderIntent(
            client_order_id=client_order_id(self._mode, market.ticker, self._strategy, now, attempt),
            ticker=market.ticker,
            side=side_of(leg),
            count=decision.count,
            price=yes_price(leg, price),
            time_in_force=how.time_in_force,
            exchange_index=market.exchange_index,
            created_at=now,
            reduce_only=sells,
            post_only=how.post_only,
            expires_at=how.expires_at,
            order_group_id=account.group.id,
        )
        context = order_rows.IntentContext(
            signal_id,
            seen.event.ticker,
            seen.city.code,
            seen.event.climate_day,
            self._strategy,
            attempt,
        )
        return ReadyOrder(intent, context)


def _candidates(
    observed: Sequence[Observed], by_event: Mapping[str, Forecast], basis: _Basis, now: datetime
) -> Iterator[Candidate]:
    others = frozenset(order.ticker for stake in basis.exposure.stakes.values() for order in stake.ledger.orders)
    for seen in observed:
        forecast = by_event[seen.event.ticker]
        view = EventView(
            event=seen.event,
            series=seen.series,
            fees=seen.fees,
            forecast=forecast.decided_by,
            orderbooks=seen.orderbooks,
            held=basis.held,
            open_orders=basis.own.markets,
            others_orders=others - basis.own.markets,
            left_alone=basis.left_alone,
            anchors=basis.own.anchors,
            pause_at=basis.own.pause_at,
        )
        for market, decision in zip(seen.event.markets, strategy.decide(view, basis.rules, now), strict=True):
            yield Candidate(seen, market, decision, forecast.weather_problem, forecast.needs_weather)


def _count(report: TickReport, observed: Sequence[Observed], candidates: Sequence[Candidate]) -> None:
    report.counts.events, report.counts.decisions = len(observed), len(candidates)
    report.counts.weather_problems = sum(len(city.problems) for city in report.weather.values())
    report.counts.left_out = sum(city.left_out for city in report.weather.values())
    report.counts.reasons.update(candidate.decision.reasons[0] for candidate in candidates)
