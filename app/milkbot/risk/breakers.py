"""Breakers: what takes the right to trade away without an operator. Facts in, holds to set out; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from milkbot.domain.trading_state import Effect, Hold, in_force
from milkbot.domain.units import Cash

# The windows of the facts. Of the day's loss it is midnight UTC.
WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
REJECTS_WINDOW = timedelta(minutes=15)
UNFINISHED_WINDOW = timedelta(hours=1)


class Breaker(StrEnum):
    """What may trip."""

    DAILY_LOSS = "daily_loss"
    WEEKLY_LOSS = "weekly_loss"
    MONTHLY_LOSS = "monthly_loss"
    REJECTS = "rejects"
    DATABASE_FAILURES = "database_failures"
    BLIND = "blind"
    UNSEEN = "unseen"
    KILL_FILE = "kill_file"
    ORDER_GROUP = "order_group"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a breaker does when it trips. `lasts` None: until an operator resumes. The rest is for docs/risk.md."""

    effect: Effect
    lasts: timedelta | None
    trips_when: str
    setting: str


RULES: dict[Breaker, Rule] = {
    Breaker.DAILY_LOSS: Rule(
        Effect.REDUCING, timedelta(hours=24), "percent lost since midnight UTC", setting="max_daily_loss_pct"
    ),
    Breaker.WEEKLY_LOSS: Rule(Effect.HALF_SIZE, WEEK, "percent lost in the last 7 days", setting="max_weekly_loss_pct"),
    Breaker.MONTHLY_LOSS: Rule(Effect.HALTED, None, "percent lost in the last 30 days", setting="max_monthly_loss_pct"),
    Breaker.REJECTS: Rule(
        Effect.HALTED, None, "orders that the exchange refused within 15 minutes", setting="max_rejects"
    ),
    Breaker.DATABASE_FAILURES: Rule(
        Effect.REDUCING,
        timedelta(hours=1),
        "ticks of the last hour that did not write their end: no database, or they were killed",
        setting="max_unfinished_ticks",
    ),
    Breaker.BLIND: Rule(
        Effect.REDUCING,
        timedelta(minutes=30),
        "ticks in a row in which no market had both a fresh book and fresh weather",
        setting="max_blind_ticks",
    ),
    Breaker.UNSEEN: Rule(
        Effect.REDUCING,
        timedelta(minutes=30),
        "ticks in a row in which more than half of the markets that were due at that hour were not seen",
        setting="max_blind_ticks",
    ),
    Breaker.KILL_FILE: Rule(Effect.HALTED, None, "this file is there", setting="kill_file"),
    Breaker.ORDER_GROUP: Rule(
        Effect.HALTED,
        None,
        "the exchange-side order group was triggered: by `milkbot cancel-all`, the kill file, or its limit",
        setting="order_group_contracts",
    ),
}
"""One rule a breaker, and no breaker without one."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the breakers trip: dollars lost, and counts."""

    daily_loss: Cash
    weekly_loss: Cash
    monthly_loss: Cash
    rejects: int
    unfinished_ticks: int
    blind_ticks: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Dollars lost from a moment on; what was won is negative."""

    dollars: Cash
    since: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What the breakers judge; what an operator acknowledged is left out of each.

    `kill_file` and `order_group` say what was found there, None where nothing was.
    """

    day: Loss
    week: Loss
    month: Loss
    rejects: int = 0
    unfinished_ticks: int = 0
    blind_ticks: int = 0
    unseen_ticks: int = 0
    kill_file: str | None = None
    order_group: str | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """A hold to set."""

    breaker: Breaker
    effect: Effect
    reason: str
    until: datetime | None

    @property
    def source(self) -> str:
        """Who sets the hold."""
        return source_of(self.breaker)


def source_of(breaker: Breaker) -> str:
    """The name by which a breaker sets holds."""
    return f"breaker {breaker}"


def trips(facts: Facts, thresholds: Thresholds, now: datetime) -> tuple[Trip, ...]:
    """Every breaker that the facts trip, with its reason and its end."""
    return tuple(_trip(breaker, reason, now) for breaker, reason in _reasons(facts, thresholds))


def due(tripped: Iterable[Trip], holds: Iterable[Hold], now: datetime) -> tuple[Trip, ...]:
    """Those of which no hold is in force yet: a breaker holds once, however often it is asked."""
    held = {hold.source for hold in in_force(holds, now)}
    return tuple(trip for trip in tripped if trip.source not in held)


def _trip(breaker: Breaker, reason: str, now: datetime) -> Trip:
    rule = RULES[breaker]
    return Trip(breaker, rule.effect, reason, None if rule.lasts is None else now + rule.lasts)


def _reasons(facts: Facts, thresholds: Thresholds) -> Iterator[tuple[Breaker, str]]:
    for breaker, name, loss, allowed in (
        (Breaker.DAILY_LOSS, "daily loss", facts.day, thresholds.daily_loss),
        (Breaker.WEEKLY_LOSS, "loss of a week", facts.week, thresholds.weekly_loss),
        (Breaker.MONTHLY_LOSS, "loss of a month", facts.month, thresholds.monthly_loss),
    ):
        if loss.dollars >= allowed:
            since = f"{loss.since:%Y-%m-%d %H:%M} UTC"
            yield breaker, f"{name}: {loss.dollars:.2f} dollars lost since {since}, {allowed:.2f} allowed"
    if facts.rejects >= thresholds.rejects:
        yield Breaker.REJECTS, f"the exchange refused {facts.rejects} orders within 15 minutes"
    if facts.unfinished_ticks >= thresholds.unfinished_ticks:
        ticks = f"{facts.unfinished_ticks} ticks of the last hour did not write their end"
        yield Breaker.DATABASE_FAILURES, f"{ticks}; check the database, the memory and the trader's log"
    if facts.blind_ticks >= thresholds.blind_ticks:
        yield Breaker.BLIND, f"no fresh book and weather for any market in {facts.blind_ticks} ticks in a row"
    if facts.unseen_ticks >= thresholds.blind_ticks:
        yield Breaker.UNSEEN, f"more than half of the markets that were due were missing in {facts.unseen_ticks} ticks"
    if facts.kill_file is not None:
        yield Breaker.KILL_FILE, facts.kill_file
    if facts.order_group is not None:
        yield Breaker.ORDER_GROUP, facts.order_group
