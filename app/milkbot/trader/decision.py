"""From what was seen to the orders that may be sent: decide, store every decision, pass the risk engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from milkbot.db import books, ticks
from milkbot.db import orders as order_rows
from milkbot.db.session import transaction
from milkbot.domain.clock import Clock
from milkbot.domain.fees import aligned
from milkbot.domain.markets import Market
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide, Leg, OrderIntent, TimeInForce, client_order_id
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ZERO, Cash, Count
from milkbot.risk.engine import Exposure, Proposal, denials
from milkbot.settings import Settings
from milkbot.sizing.fraction import SizingRules
from milkbot.trader import observation, strategy
from milkbot.trader.exposure import current_exposure, limits_of
from milkbot.trader.observation import Observed
from milkbot.trader.order_management import IntentContext
from milkbot.trader.report import TickReport
from milkbot.trader.strategy import Action, Decision, EventView, StrategyRules, yes_price


@dataclass(frozen=True, slots=True)
class ReadyOrder:
    """An order that passed the risk engine, with where it comes from."""

    intent: OrderIntent
    context: IntentContext


@dataclass(frozen=True, slots=True)
class _Candidate:
    seen: Observed
    market: Market
    decision: Decision


class Decider:
    """The part of a tick between looking and sending. It writes snapshots, signals and denials; it sends nothing."""

    def __init__(self, settings: Settings, engine: Engine, clock: Clock) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._mode = settings.trading_mode

    def decide(
        self,
        report: TickReport,
        observed: Sequence[Observed],
        cash: Cash,
        blocked_events: frozenset[str],
        allowed: TradingState,
    ) -> list[ReadyOrder]:
        """Store what was seen and one decision for every market; return the orders to send, best edge first."""
        now = self._clock.now()
        with transaction(self._engine) as session:
            ids = observation.store(session, observed, tick_id=report.tick_id, mode=self._mode, captured_at=now)
            held = {row.ticker: Count(row.signed_count) for row in books.held_positions(session, self._mode)}
            exposure = current_exposure(session, self._mode, cash, blocked_events)
            candidates = list(self._candidates(observed, held, self._rules(exposure), now))
            signal_ids = ticks.save_signals(
                session, [self._signal_row(report.tick_id, ids, candidate, now) for candidate in candidates]
            )
            ticks.touch(session, _touched(self._mode, observed))
            report.counts.update(events=len(observed), decisions=len(candidates))
            for candidate in candidates:
                report.counts[f"reason {candidate.decision.reasons[0]}"] += 1
            return self._approved(session, report, candidates, signal_ids, exposure, held, allowed, now)

    def _rules(self, exposure: Exposure) -> StrategyRules:
        settings = self._settings
        limits = limits_of(settings)
        return StrategyRules(
            min_edge=settings.min_edge_after_costs,
            min_price=settings.min_price,
            max_spread=Decimal(settings.spread_max_cents) / 100,
            max_gap=settings.max_model_market_gap,
            max_book_age=timedelta(seconds=settings.max_snapshot_age_sec),
            max_forecast_age=timedelta(hours=settings.max_forecast_age_hours),
            sizing=SizingRules(settings.kelly_fraction, limits.trade, limits.position),
            wealth=Cash(min(settings.bankroll, exposure.cash + exposure.total)),
        )

    def _candidates(
        self, observed: Sequence[Observed], held: dict[str, Count], rules: StrategyRules, now: datetime
    ) -> Iterator[_Candidate]:
        for seen in observed:
            view = EventView(
                seen.event,
                seen.city,
                seen.fees,
                seen.weather.forecast,
                seen.weather.observed_max_f,
                seen.books,
                held,
            )
            for market, decision in zip(seen.event.markets, strategy.decide(view, rules, now), strict=True):
                yield _Candidate(seen, market, decision)

    def _approved(
        self,
        session: Session,
        report: TickReport,
        candidates: Sequence[_Candidate],
        signal_ids: dict[str, int],
        exposure: Exposure,
        held: dict[str, Count],
        allowed: TradingState,
        now: datetime,
    ) -> list[ReadyOrder]:
        ready: list[ReadyOrder] = []
        buys = [candidate for candidate in candidates if candidate.decision.action is Action.BUY]
        for candidate in sorted(buys, key=lambda c: (-(c.decision.edge or ZERO), c.market.ticker)):
            proposal = _proposal(candidate, held.get(candidate.market.ticker, Count(ZERO)))
            refused = denials(proposal, exposure, limits_of(self._settings), allowed)
            for code in refused:
                report.counts[f"denied {code}"] += 1
                ticks.save_risk_event(
                    session,
                    trading_mode=self._mode,
                    tick_id=report.tick_id,
                    event_type=f"denied_{code}",
                    severity="info",
                    message=f"{candidate.decision.count} {candidate.decision.leg} at {candidate.decision.price} denied",
                    city_code=candidate.seen.city.code,
                    ticker=candidate.market.ticker,
                    event_time=now,
                )
            if not refused:
                exposure = exposure.with_order(proposal)
                ready.append(self._order(session, candidate, signal_ids[candidate.market.ticker], now))
        return ready

    def _order(self, session: Session, candidate: _Candidate, signal_id: int, now: datetime) -> ReadyOrder:
        """The order of a decision. An earlier attempt at it is dead: were it not, its event would be blocked."""
        decision, market, seen = candidate.decision, candidate.market, candidate.seen
        if decision.leg is None or decision.price is None:
            raise ValueError(f"the decision to buy {market.ticker} names no leg or no price")
        attempt = 1 + order_rows.attempts(session, self._mode, market.ticker, strategy.NAME, now)
        intent = OrderIntent(
            client_order_id=client_order_id(self._mode, market.ticker, strategy.NAME, now, attempt),
            ticker=market.ticker,
            side=BookSide.BID if decision.leg is Leg.YES else BookSide.ASK,
            count=decision.count,
            price=yes_price(decision.leg, decision.price),
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            exchange_index=market.exchange_index,
            created_at=now,
        )
        context = IntentContext(
            signal_id,
            seen.event.ticker,
            seen.city.code,
            seen.event.climate_day,
            strategy.NAME,
            attempt,
        )
        return ReadyOrder(intent, context)

    def _signal_row(
        self, tick_id: int, ids: observation.SnapshotIds, candidate: _Candidate, now: datetime
    ) -> dict[str, Any]:
        decision, seen = candidate.decision, candidate.seen
        return {
            "trading_mode": self._mode,
            "tick_id": tick_id,
            "weather_snapshot_id": ids.weather[seen.event.ticker],
            "market_snapshot_id": ids.market[decision.ticker],
            "ticker": decision.ticker,
            "event_ticker": seen.event.ticker,
            "city_code": seen.city.code,
            "climate_day": seen.event.climate_day,
            "strategy_name": strategy.NAME,
            "decision": f"{decision.action}_{decision.leg}" if decision.action is Action.BUY else str(decision.action),
            "p_yes": decision.p_yes,
            "forecast_sd_f": decision.sd_f,
            "edge": decision.edge,
            "price": decision.price,
            "count": decision.count,
            "reasons": {"codes": [str(reason) for reason in decision.reasons]},
            "created_at": now,
        }


def _touched(mode: TradingMode, observed: Sequence[Observed]) -> list[dict[str, Any]]:
    """The rollup buckets that count decisions."""
    days = sorted({seen.event.climate_day for seen in observed})
    return [{"trading_mode": mode, "bucket": "strategy", "key": strategy.NAME, "day": day} for day in days]


def _proposal(candidate: _Candidate, held: Count) -> Proposal:
    """The order's worst case as the risk engine wants it."""
    decision, seen = candidate.decision, candidate.seen
    count = decision.count
    signed = count if decision.leg is Leg.YES else -count
    reduces = held * signed < ZERO and abs(signed) <= abs(held)
    opens_at = None if reduces else decision.price
    risk = ZERO if opens_at is None else count * opens_at + aligned(seen.fees.taker(count, opens_at))
    return Proposal(
        ticker=decision.ticker,
        event_ticker=seen.event.ticker,
        city_code=seen.city.code,
        cluster=seen.city.cluster,
        risk=Cash(risk),
        held_after=Count(abs(held + signed)),
        reduces=reduces,
    )
