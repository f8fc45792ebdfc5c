"""From what was seen to the orders that may be sent: decide, store every decision, pass the risk engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from milkbot.db import holds, ledger, risk_facts, ticks
from milkbot.db import orders as order_rows
from milkbot.db.session import transaction
from milkbot.domain.clock import Clock
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide, Leg, OrderIntent, client_order_id
from milkbot.domain.trading_state import TradingState, size_factor
from milkbot.domain.units import Cash, Count
from milkbot.risk.engine import Conditions
from milkbot.risk.limits import Limits
from milkbot.risk.portfolio import Exposure
from milkbot.settings import Settings
from milkbot.sizing.fraction import SizingRules
from milkbot.trader.decide import resting, strategy
from milkbot.trader.decide.approval import approved
from milkbot.trader.decide.proposals import Candidate
from milkbot.trader.decide.quoting import sending
from milkbot.trader.decide.strategy import Action, EventView, StrategyRules, yes_price
from milkbot.trader.exposure import current_exposure
from milkbot.trader.limits import limits_of, quote_rules_of
from milkbot.trader.observe import observation, terms
from milkbot.trader.observe.observation import Observed
from milkbot.trader.orders.manager import IntentContext
from milkbot.trader.orders.order_group import Group
from milkbot.trader.report import TickReport


@dataclass(frozen=True, slots=True)
class ReadyOrder:
    """An order that passed the risk engine, with where it comes from."""

    intent: OrderIntent
    context: IntentContext


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


class Decider:
    """The part of a tick between reading and sending. It writes snapshots, signals and denials; it sends nothing."""

    def __init__(self, settings: Settings, engine: Engine, clock: Clock) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._mode = settings.trading_mode
        self._quotes = quote_rules_of(settings)

    def decide(self, report: TickReport, observed: Sequence[Observed], account: AccountState) -> Decided:
        """Store what was seen and one decision for every market, and what the risk engine says of each order."""
        now = self._clock.now()
        with transaction(self._engine) as session:
            ids = observation.store(session, observed, tick_id=report.tick_id, mode=self._mode, captured_at=now)
            terms.save_ladders(session, observed, now)
            held = {row.ticker: Count(row.signed_count) for row in ledger.held_positions(session, self._mode)}
            exposure = current_exposure(session, self._mode, account.cash, account.blocked_events)
            factor = size_factor(holds.holds(session, self._mode, now), now)
            limits = limits_of(self._settings).sized(factor)
            own = resting.own_orders(session, self._mode, account.pause_at, now)
            candidates = list(self._candidates(observed, held, own, self._rules(exposure, limits, factor), now))
            signal_ids = ticks.save_signals(
                session, [self._signal_row(report.tick_id, ids, candidate, now) for candidate in candidates]
            )
            ticks.touch(session, _touched(self._mode, observed))
            report.counts.update(events=len(observed), decisions=len(candidates))
            for candidate in candidates:
                report.counts[f"reason {candidate.decision.reasons[0]}"] += 1
            passed = approved(
                session,
                report,
                self._mode,
                candidates,
                held=held,
                terms=terms.judge(session, self._mode, observed, tick_id=report.tick_id, now=now),
                exposure=exposure,
                limits=limits,
                conditions=self._conditions(session, account, now),
                now=now,
            )
            return Decided(
                tuple(
                    self._order(session, candidate, signal_ids[candidate.market.ticker], account, now)
                    for candidate in passed
                ),
                {candidate.market.ticker: candidate for candidate in candidates},
            )

    def _conditions(self, session: Session, account: AccountState, now: datetime) -> Conditions:
        orders = risk_facts.orders_since(session, self._mode, now - timedelta(hours=1))
        return Conditions(account.allowed, orders, clock_skew=account.clock_skew, group_ready=account.group.ready)

    def _rules(self, exposure: Exposure, limits: Limits, factor: Decimal) -> StrategyRules:
        settings = self._settings
        return StrategyRules(
            min_edge=settings.min_edge_after_costs,
            min_price=settings.min_price,
            max_spread=limits.spread,
            max_gap=settings.max_model_market_gap,
            max_orderbook_age=limits.orderbook_age,
            max_forecast_age=limits.forecast_age,
            sizing=SizingRules(settings.kelly_fraction * factor, limits.trade, limits.position),
            wealth=Cash(min(settings.bankroll, exposure.cash + exposure.total)),
            quotes=self._quotes if self._quotes.rests else None,
        )

    def _candidates(
        self,
        observed: Sequence[Observed],
        held: dict[str, Count],
        own: resting.OwnOrders,
        rules: StrategyRules,
        now: datetime,
    ) -> Iterator[Candidate]:
        for seen in observed:
            view = EventView(
                seen.event,
                seen.city,
                seen.fees,
                seen.weather.forecast,
                seen.weather.observed_max_f,
                seen.orderbooks,
                held,
                own.markets,
                own.anchors,
                own.pause_at,
            )
            for market, decision in zip(seen.event.markets, strategy.decide(view, rules, now), strict=True):
                yield Candidate(seen, market, decision)

    def _order(
        self, session: Session, candidate: Candidate, signal_id: int, account: AccountState, now: datetime
    ) -> ReadyOrder:
        """The order of a decision. An earlier attempt at it is dead: were it not, its event would be blocked."""
        decision, market, seen = candidate.decision, candidate.market, candidate.seen
        if decision.leg is None or decision.price is None:
            raise ValueError(f"the decision to buy {market.ticker} names no leg or no price")
        attempt = 1 + order_rows.attempts(session, self._mode, market.ticker, strategy.NAME, now)
        how = sending(self._quotes, market.close_time, account.pause_at, now)
        intent = OrderIntent(
            client_order_id=client_order_id(self._mode, market.ticker, strategy.NAME, now, attempt),
            ticker=market.ticker,
            side=BookSide.BID if decision.leg is Leg.YES else BookSide.ASK,
            count=decision.count,
            price=yes_price(decision.leg, decision.price),
            time_in_force=how.time_in_force,
            exchange_index=market.exchange_index,
            created_at=now,
            post_only=how.post_only,
            expires_at=how.expires_at,
            order_group_id=account.group.id,
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
        self, tick_id: int, ids: observation.SnapshotIds, candidate: Candidate, now: datetime
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
