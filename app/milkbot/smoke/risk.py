"""The statements that the risk engine remembers by, but for those that only the operator may write."""

from __future__ import annotations

from milkbot.db import holds, order_groups, risk_facts, terms
from milkbot.domain.trading_state import Effect
from milkbot.risk.terms import Clause
from milkbot.smoke.checks import Checks
from milkbot.smoke.sample import Sample


def run(check: Checks, sample: Sample, tick_id: int) -> None:
    """What a tick asks before it sends, and what it stores when a breaker trips."""
    session, mode, now = check.session, sample.mode, sample.now
    check(risk_facts.lost_since, session, mode, sample.happened)
    check(risk_facts.orders_since, session, mode, sample.happened)
    check(risk_facts.sent_since, session, mode, sample.happened)
    check(risk_facts.unfinished_ticks_since, session, mode, sample.happened, but=tick_id)
    check(risk_facts.newest_counts, session, mode, sample.happened, 3)
    check(terms.see, session, mode, [(sample.name, Clause("fees", "quadratic x 1"))], now)
    check(terms.accepted, session, mode)
    check(terms.fee_schedules, session, mode)
    check(terms.pending, session, mode)
    check(terms.save_ladders, session, {sample.event: (True, frozenset({sample.ticker}))}, now)
    check(terms.ladders, session, [sample.event])
    check(order_groups.record, session, mode, order_groups.Act.CREATED, sample.name, 1, reason="smoke", at=now)
    check(order_groups.newest, session, mode)
    check(holds.adopt, session, mode, now)
    check(holds.add, session, mode, source="smoke", effect=Effect.HALTED, reason="smoke", since=now, tick_id=tick_id)
    check(holds.holds, session, mode, now)
    check(holds.acknowledgements, session, mode)
    check(holds.publish, session, mode, now)
