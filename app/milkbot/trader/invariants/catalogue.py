"""The invariants of the ledger. Each is one small function that returns what breaks it; none changes anything.

A tick checks what is open and what is new, so that its cost does not grow with the past; `thorough` checks all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from milkbot.domain.trading_state import TradingState
from milkbot.trader.invariants import events, ledger, money
from milkbot.trader.invariants.context import QueryContext
from milkbot.trader.reconcile.findings import FindingKind, Found


@dataclass(frozen=True, slots=True)
class Invariant:
    """An invariant: its name, the sentence, and the function that finds the cases that break it."""

    name: str
    sentence: str
    broken_by: Callable[[Session, QueryContext], Iterable[str]]
    effect: TradingState = TradingState.HALTED


@dataclass(frozen=True, slots=True)
class Answer:
    """An invariant and what breaks it, nothing if it holds."""

    invariant: Invariant
    problems: tuple[str, ...]


INVARIANTS: Final = (
    Invariant(
        "cash-adds-up",
        "cash is what was brought in, and what every fill, fee and settlement moved; or a finding says why not",
        money.cash_adds_up,
    ),
    Invariant(
        "equity-is-cash-and-positions",
        "cash and positions at cost are what was brought in and what was realized, less fees",
        money.equity_is_cash_and_positions,
    ),
    Invariant(
        "exposure-under-limits",
        "no event, city, cluster or the whole has more at risk than its limit",
        money.exposure_under_limits,
        # A halt would also stop what lowers it.
        TradingState.REDUCING,
    ),
    Invariant(
        "analytics-equals-ops",
        "the equity curve shows what fills and settlements add up to",
        money.analytics_equals_ops,
    ),
    Invariant(
        "no-order-in-a-settled-market",
        "no order is open in a market that was settled",
        ledger.no_order_in_a_settled_market,
    ),
    Invariant(
        "fill-has-its-order",
        "every fill is of an order in the ledger; or a finding names it",
        ledger.fill_has_its_order,
    ),
    Invariant("one-live-order", "a market has one order of ours that is not over, at most", ledger.one_live_order),
    Invariant(
        "no-more-than-ordered", "the fills of an order add up to no more than was ordered", ledger.no_more_than_ordered
    ),
    Invariant("position-is-its-fills", "a position is the sum of its market's fills", ledger.position_is_its_fills),
    Invariant("settled-is-closed", "the position of a market that was settled is closed", ledger.settled_is_closed),
    Invariant("resting-order-expires", "a resting order of ours ends by itself", ledger.resting_order_expires),
    Invariant("state-is-its-events", "an order's state is the fold of its events", events.state_is_its_events),
    Invariant("chain-is-whole", "no event of an order was changed, taken away or slipped in", events.chain_is_whole),
)


def check(session: Session, context: QueryContext) -> tuple[Answer, ...]:
    """Check each of them."""
    return tuple(Answer(invariant, tuple(invariant.broken_by(session, context))) for invariant in INVARIANTS)


def findings_of(answers: Iterable[Answer]) -> list[Found]:
    """A finding for each invariant that does not hold."""
    return [
        Found(
            FindingKind.INVARIANT,
            answer.invariant.name,
            f"{answer.invariant.name} does not hold: {answer.problems[0]}{_more(answer.problems)}",
            ours={str(number): problem for number, problem in enumerate(answer.problems[:_SHOWN], 1)},
            effect=answer.invariant.effect,
        )
        for answer in answers
        if answer.problems
    ]


_SHOWN: Final = 20


def _more(problems: tuple[str, ...]) -> str:
    return f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
