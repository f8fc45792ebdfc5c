"""Passing sales, then purchases through the risk engine, best edge first; every denial is stored with its code.

A sale is lowered beforehand to what the limits let go: what it would ask for in vain it would ask for in each tick.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from milkbot.db import ticks
from milkbot.domain.modes import TradingMode
from milkbot.domain.units import ZERO, Count
from milkbot.risk.engine import Conditions, adds_too_much, denials
from milkbot.risk.limits import DenialCode, Limits
from milkbot.risk.portfolio import Exposure
from milkbot.risk.terms import Terms
from milkbot.trader.decide.proposals import Candidate, facts_of, proposal_of
from milkbot.trader.decide.strategy import NOTHING, Action, Reason
from milkbot.trader.report import TickReport


def sized_sales(
    candidates: Sequence[Candidate], held: Mapping[str, Count], exposure: Exposure, limits: Limits
) -> tuple[Candidate, ...]:
    """The candidates, each sale at the most contracts that its limits let go; one of which nothing may go is held.

    What is sold may pay for the rest of its event: without it the event could lose more than it may.
    """
    sized: dict[str, Candidate] = {}
    for candidate in sorted((one for one in candidates if one.decision.action is Action.SELL), key=_turn):
        signed = held.get(candidate.market.ticker, NOTHING)
        found = _sized(candidate, signed, exposure, limits)
        if found.decision.action is Action.SELL:
            exposure = exposure.with_order(proposal_of(found, signed, exposure))
        sized[candidate.market.ticker] = found
    return tuple(sized.get(candidate.market.ticker, candidate) for candidate in candidates)


def _sized(sale: Candidate, signed: Count, exposure: Exposure, limits: Limits) -> Candidate:
    def of(contracts: int) -> Candidate:
        return replace(sale, decision=replace(sale.decision, count=Count(Decimal(contracts))))

    def too_much(contracts: int) -> bool:
        return adds_too_much(proposal_of(of(contracts), signed, exposure), exposure, limits)

    whole = int(sale.decision.count)
    if not too_much(whole):
        return sale
    most = bisect_left(range(1, whole), True, key=too_much)
    if most == 0:
        held = replace(sale.decision, action=Action.HOLD, reasons=(Reason.EXIT_ADDS_RISK,), count=NOTHING)
        return replace(sale, decision=held)
    lowered = of(most)
    return replace(lowered, decision=replace(lowered.decision, reasons=(*sale.decision.reasons, Reason.EXIT_ADDS_RISK)))


def approved(
    session: Session,
    report: TickReport,
    mode: TradingMode,
    candidates: Sequence[Candidate],
    *,
    held: Mapping[str, Count],
    terms: Mapping[str, Terms],
    exposure: Exposure,
    limits: Limits,
    conditions: Conditions,
    now: datetime,
) -> list[Candidate]:
    """Those that may be sent, in the order in which they were judged: each counts for the ones after it.

    `held`: signed positions by market; `terms`: by event.
    """
    passed: list[Candidate] = []
    denied: list[dict[str, Any]] = []
    wanted = [candidate for candidate in candidates if candidate.decision.action is not Action.HOLD]
    for candidate in sorted(wanted, key=_turn):
        event = candidate.seen.event.ticker
        proposal = proposal_of(candidate, held.get(candidate.market.ticker, NOTHING), exposure)
        refused = denials(proposal, facts_of(candidate, terms[event], now), exposure, limits, conditions)
        for code in refused:
            report.counts.denied[code] += 1
            denied.append(_denial(report.tick_id, mode, candidate, code, now))
        if not refused:
            exposure = exposure.with_order(proposal)
            conditions = conditions.after_order()
            passed.append(candidate)
    ticks.save_denials(session, denied)
    return passed


def _turn(candidate: Candidate) -> tuple[bool, Decimal, str]:
    """Sales come first: a tick that runs into a limit of orders has lowered the risk by then."""
    decision = candidate.decision
    return decision.action is not Action.SELL, -(decision.edge or ZERO), decision.ticker


def _denial(tick_id: int, mode: TradingMode, candidate: Candidate, code: DenialCode, now: datetime) -> dict[str, Any]:
    decision = candidate.decision
    return {
        "trading_mode": mode,
        "tick_id": tick_id,
        "event_type": f"denied_{code}",
        "severity": "info",
        "message": f"{decision.action} {decision.count} {decision.leg} at {decision.price} denied",
        "city_code": candidate.seen.city.code,
        "ticker": candidate.market.ticker,
        "event_time": now,
    }
