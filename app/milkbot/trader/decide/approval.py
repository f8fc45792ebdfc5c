"""Passing sales, then purchases through the risk engine, best edge first; every denial is stored with its code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from milkbot.db import ticks
from milkbot.domain.modes import TradingMode
from milkbot.domain.units import ZERO, Count
from milkbot.risk.engine import Conditions, denials
from milkbot.risk.limits import DenialCode, Limits
from milkbot.risk.portfolio import Exposure
from milkbot.risk.terms import Terms
from milkbot.trader.decide.proposals import Candidate, facts_of, proposal_of
from milkbot.trader.decide.strategy import Action
from milkbot.trader.report import TickReport


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
        proposal = proposal_of(candidate, held.get(candidate.market.ticker, Count(ZERO)), exposure)
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
