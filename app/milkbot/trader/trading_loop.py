"""The trading loop: one tick is one pass through the steps of docs/architecture.md, under the single-writer lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from milkbot import failpoints
from milkbot.db import state, ticks
from milkbot.db import unread as unread_objects
from milkbot.db.session import transaction
from milkbot.domain.clock import Clock
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import UNRESOLVED
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import Cash
from milkbot.domain.unread import Unread
from milkbot.errors import MilkbotError, NotPermittedError
from milkbot.release import release_id
from milkbot.risk.limits import DenialCode
from milkbot.settings import Settings
from milkbot.trader import breakers, metrics, missing_markets
from milkbot.trader.decide import resting
from milkbot.trader.decide.decider import AccountState, Decider, ReadyOrder
from milkbot.trader.decide.rules import quote_rules_of
from milkbot.trader.invariants import catalogue, events
from milkbot.trader.invariants.context import QueryContext
from milkbot.trader.observe import coverage, observation, results
from milkbot.trader.observe.coverage import Coverage
from milkbot.trader.orders import kill_file, order_group
from milkbot.trader.orders.manager import Cancel, OrderManager
from milkbot.trader.orders.order_group import Group
from milkbot.trader.reconcile import findings
from milkbot.trader.reconcile.findings import FindingKind
from milkbot.trader.reconcile.reconciler import Reconciled, Reconciler
from milkbot.trader.report import Outcome, TickReport
from milkbot.trader.strategies import strategy_of
from milkbot.venue.client import KalshiClient
from milkbot.weather.client import WeatherClient

log = structlog.get_logger(__name__)


class TradingLoop:
    """Ticks over one ledger. `venue` and `weather` are its only clients."""

    def __init__(
        self, settings: Settings, engine: Engine, venue: KalshiClient, weather: WeatherClient, clock: Clock
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._venue = venue
        self._weather = weather
        self._clock = clock
        self._mode = settings.trading_mode
        deadline = timedelta(minutes=settings.unknown_deadline_min)
        self._reconciler = Reconciler(engine, venue, clock, self._mode, deadline, strategy_of(settings.forecaster))
        self._decider = Decider(settings, engine, clock)
        self._quotes = quote_rules_of(settings)

    @property
    def _sends(self) -> bool:
        return self._mode is not TradingMode.SHADOW

    def close(self) -> None:
        """End the processes that ticks began."""
        self._decider.close()

    def run_once(self) -> TickReport:
        """One tick. Raises LockHeldError when another one is running, NotPermittedError when live is not armed,
        VenueReadError or DatabaseUnavailableError when it could not be finished: the report row then says so.
        """
        return self._run(self._work)

    def reconcile_once(self) -> TickReport:
        """A tick that only reads the account and holds the ledger against it: it sends and cancels nothing.

        Raises what `run_once` does.
        """
        return self._run(self._reconcile_only)

    def _run(self, work: Callable[[TickReport, OrderManager], Outcome]) -> TickReport:
        with state.single_writer(self._engine, self._mode) as writer:
            orders = OrderManager(writer, self._venue, self._clock, self._mode)
            report = self._begin(trades=work == self._work)
            try:
                report.outcome = work(report, orders)
            except Exception as error:
                # The report row records the error; it goes on to the caller.
                report.message = str(error) or type(error).__name__
                raise
            finally:
                self._finish(report)
            return report

    def _reconcile_only(self, report: TickReport, orders: OrderManager) -> Outcome:
        del orders
        report.blocked_events = len(self._reconcile(report).blocked_events)
        report.message = "reconciled only"
        return Outcome.COMPLETED

    def _begin(self, *, trades: bool) -> TickReport:
        now = self._clock.now()
        with transaction(self._engine) as session:
            if trades and self._mode is TradingMode.LIVE and not state.live_is_armed(session, now):
                raise NotPermittedError("live trading is not armed; an operator arms it with: milkbot arm-live")
            tick_id = ticks.begin_tick(
                session,
                mode=self._mode,
                started_at=now,
                release=release_id(),
                config_hash=self._settings.fingerprint(),
            )
        failpoints.reach("tick.begun")
        structlog.contextvars.bind_contextvars(tick=tick_id, mode=str(self._mode))
        return TickReport(tick_id, now)

    def _work(self, report: TickReport, orders: OrderManager) -> Outcome:
        status = self._venue.exchange_status()
        if not status.exchange_active:
            self._trading_state(report)  # what stops the trader may be gone when the pause is over
            report.message = "the exchange is paused"
            return Outcome.PAUSED
        if self._settings.kalshi_api_key_id:
            self._venue.adopt_account_limits()
        reconciled = self._reconcile(report)
        report.blocked_events = len(reconciled.blocked_events)
        if self._sends:
            now = self._clock.now()
            sent = kill_file.obey(self._engine, self._venue, self._settings, reconciled.resting, now)
            report.counts.add_canceled(sent)
        if not (status.trading_active and self._quotes.rests):
            self._withdraw(report, resting.left_behind(reconciled.resting), orders)
        if not status.trading_active:
            self._trading_state(report)
            report.message = "trading is paused at the exchange"
            return Outcome.PAUSED
        group = self._order_group()
        allowed = self._trading_state(report)
        if self._sends and allowed is not TradingState.ACTIVE and self._quotes.rests:
            self._withdraw(report, resting.left_behind(reconciled.resting), orders)
        unread: Unread = []
        observed = observation.observe(self._venue, self._weather, self._settings.trading_series, self._clock, unread)
        covered = self._note_seen(report, observed, unread)
        skew = self._venue.clock_skew_seconds
        account = AccountState(
            cash=reconciled.cash,
            blocked_events=reconciled.blocked_events,
            allowed=allowed,
            group=group,
            clock_skew=None if skew is None else timedelta(seconds=skew),
            pause_at=self._pause_at(),
        )
        decided = self._decider.decide(report, observed, account)
        failpoints.reach("decisions.committed")
        if self._sends and self._quotes.rests:
            now = self._clock.now()
            gone = resting.to_withdraw(
                self._engine, self._mode, decided.candidates, self._quotes, allowed, account.pause_at, now
            )
            self._withdraw(report, gone, orders)
        if self._sends and decided.orders:
            self._send(report, decided.orders, orders)
            report.counts.add_fills(self._reconciler.fills_only())
        self._report_health(report, covered)
        self._decider.challenge(report, decided)
        results.read(self._engine, self._venue, self._mode, self._settings.trading_series, report, self._clock.now())
        return Outcome.COMPLETED

    def _reconcile(self, report: TickReport) -> Reconciled:
        if not self._sends:
            return Reconciled(Cash(self._settings.bankroll))
        found = self._reconciler.run(report.tick_id)
        counts = report.counts
        counts.fills, counts.settlements, counts.mismatches = found.new_fills, found.new_settlements, found.mismatches
        counts.add_unread(found.unread)
        self._check_invariants(report)
        return found

    def _note_seen(
        self, report: TickReport, observed: tuple[observation.Observed, ...], unread: Unread
    ) -> tuple[Coverage, ...]:
        """Count and keep what could not be read, and hold what was seen against what was due at this hour."""
        report.counts.add_unread(unread)
        for one in unread:
            log.warning("object not understood", kind=one.kind, subject=one.subject, reason=one.reason)
        now = self._clock.now()
        oldest_book = timedelta(seconds=self._settings.max_snapshot_age_sec)
        covered = coverage.judge(self._settings.trading_series, observed, unread, now, oldest_book)
        coverage.count(report, covered)
        with transaction(self._engine) as session:
            unread_objects.save(session, self._mode, report.tick_id, unread, now)
            missing_markets.alert(session, self._settings, report.tick_id, covered, now)
        return covered

    def _order_group(self) -> Group:
        if not self._sends:
            return Group(None, ready=True)
        return order_group.ensure(self._engine, self._venue, self._settings, self._clock.now())

    def _withdraw(self, report: TickReport, cancels: Sequence[Cancel], orders: OrderManager) -> None:
        report.counts.add_canceled(orders.cancel_each(cancels, report.tick_id))

    def _pause_at(self) -> datetime | None:
        """When the exchange pauses next; asked only where something may rest until then."""
        if not (self._sends and self._quotes.rests):
            return None
        pause = self._venue.schedule().next_pause(self._clock.now())
        return None if pause is None else pause.starts_at

    def _check_invariants(self, report: TickReport) -> None:
        """Hold the ledger to what is always true of it; what is not is a finding, and binds like one."""
        now = self._clock.now()
        with transaction(self._engine) as session:
            answers = catalogue.check(session, QueryContext(self._settings, now))
            broken = catalogue.findings_of(answers)
            findings.store(session, self._mode, report.tick_id, broken, (FindingKind.INVARIANT,), now)
            if not any(one.subject == "chain-is-whole" for one in broken):
                events.move_mark(session, self._mode, now)
        report.counts.invariants_broken = len(broken)
        failpoints.reach("catalogue.committed")

    def _send(self, report: TickReport, ready: Sequence[ReadyOrder], orders: OrderManager) -> None:
        """Send the orders in turn; one of unknown outcome keeps back its event's."""
        unresolved: set[str] = set()
        for order in ready:
            event_ticker = order.context.event_ticker
            if event_ticker in unresolved:
                self._deny_unresolved(report, order)
                continue
            outcome = orders.place(order.intent, order.context)
            report.counts.orders[outcome] += 1
            report.counts.too_late = orders.too_late
            if outcome in UNRESOLVED:
                unresolved.add(event_ticker)

    def _deny_unresolved(self, report: TickReport, order: ReadyOrder) -> None:
        report.counts.denied[DenialCode.EVENT_UNRESOLVED] += 1
        with transaction(self._engine) as session:
            ticks.save_risk_event(
                session,
                trading_mode=self._mode,
                tick_id=report.tick_id,
                event_type=f"denied_{DenialCode.EVENT_UNRESOLVED}",
                severity="info",
                message=f"{order.intent.count} {order.intent.leg} at {order.intent.leg_price} denied",
                city_code=order.context.city_code,
                ticker=order.intent.ticker,
                event_time=self._clock.now(),
            )

    def _trading_state(self, report: TickReport) -> TradingState:
        with transaction(self._engine) as session:
            allowed = breakers.trip(session, self._settings, self._clock.now(), report.tick_id)
            by_findings, why = findings.allowed_by_findings(session, self._mode)
        if allowed is not TradingState.ACTIVE:
            report.message = f"trading state is {allowed}"
        bound = findings.stricter(allowed, by_findings)
        if bound is not allowed:
            report.message = f"trading is {bound}: {why}"
        return bound

    def _report_health(self, report: TickReport, covered: tuple[Coverage, ...]) -> None:
        missing = [one.sentence for one in covered if one.missing]
        problems = [problem for city in report.weather.values() for problem in city.problems]
        now = self._clock.now()
        with transaction(self._engine) as session:
            ticks.report_health(
                session,
                "kalshi_api",
                status="degraded" if missing else "ok",
                checked_at=now,
                message=missing[0] if missing else None,
            )
            ticks.report_health(
                session,
                "nws_api",
                status="degraded" if problems else "ok",
                checked_at=now,
                message="; ".join(problems) or None,
            )

    def _finish(self, report: TickReport) -> None:
        """Complete the report row, also of a failed tick; an error here never hides the one being raised."""
        failpoints.reach("tick.finishing")
        report.finished_at = self._clock.now()
        failed = report.outcome is Outcome.FAILED
        try:
            with transaction(self._engine) as session:
                ticks.finish_tick(
                    session,
                    report.tick_id,
                    finished_at=report.finished_at,
                    outcome=report.outcome,
                    message=report.message,
                    counts=report.counts.row(),
                )
                ticks.report_health(
                    session,
                    "trader",
                    status="failed" if failed else "ok",
                    checked_at=report.finished_at,
                    message=report.message,
                )
        except MilkbotError as error:
            log.error("tick report not written", problem=str(error))
            if not failed:
                raise
        venue = self._venue
        skew, unknown = venue.clock_skew_seconds, venue.unknown_fields
        traffic = metrics.ClientTraffic(venue.traffic, self._weather.traffic, skew, unknown)
        metrics.publish(self._settings, self._engine, report, traffic)
        log.info("tick finished", outcome=report.outcome, message=report.message, **report.counts.row())
        structlog.contextvars.clear_contextvars()
