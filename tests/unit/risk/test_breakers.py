"""Each breaker trips at its threshold, with its reason and its end, and holds once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from milkbot.domain.trading_state import Effect, Hold
from milkbot.domain.units import Cash
from milkbot.risk.breakers import RULES, Breaker, Facts, Loss, Thresholds, Trip, due, trips

NOW = datetime(2026, 8, 3, 15, tzinfo=UTC)
MIDNIGHT = NOW.replace(hour=0)


def loss(dollars: str, since: datetime = MIDNIGHT) -> Loss:
    return Loss(Cash(Decimal(dollars)), since)


THRESHOLDS = Thresholds(
    daily_loss=Cash(Decimal(50)),
    weekly_loss=Cash(Decimal(120)),
    monthly_loss=Cash(Decimal(200)),
    rejects=5,
    unfinished_ticks=4,
    blind_ticks=3,
)
QUIET = Facts(
    loss("49.99"), loss("119.99"), loss("199.99"), rejects=4, unfinished_ticks=3, blind_ticks=2, unseen_ticks=2
)

CASES = {
    Breaker.DAILY_LOSS: (
        replace(QUIET, day=loss("50")),
        Effect.REDUCING,
        "daily loss: 50.00 dollars lost since 2026-08-03 00:00 UTC, 50.00 allowed",
        NOW + timedelta(hours=24),
    ),
    Breaker.WEEKLY_LOSS: (
        replace(QUIET, week=loss("120", NOW - timedelta(days=7))),
        Effect.HALF_SIZE,
        "loss of a week: 120.00 dollars lost since 2026-07-27 15:00 UTC, 120.00 allowed",
        NOW + timedelta(days=7),
    ),
    Breaker.MONTHLY_LOSS: (
        replace(QUIET, month=loss("200.005", NOW - timedelta(days=30))),
        Effect.HALTED,
        "loss of a month: 200.00 dollars lost since 2026-07-04 15:00 UTC, 200.00 allowed",
        None,
    ),
    Breaker.REJECTS: (
        replace(QUIET, rejects=5),
        Effect.HALTED,
        "the exchange refused 5 orders within 15 minutes",
        None,
    ),
    Breaker.DATABASE_FAILURES: (
        replace(QUIET, unfinished_ticks=4),
        Effect.REDUCING,
        "4 ticks of the last hour did not write their end; check the database, the memory and the trader's log",
        NOW + timedelta(hours=1),
    ),
    Breaker.BLIND: (
        replace(QUIET, blind_ticks=3),
        Effect.REDUCING,
        "no fresh book and weather for any market in 3 ticks in a row",
        NOW + timedelta(minutes=30),
    ),
    Breaker.UNSEEN: (
        replace(QUIET, unseen_ticks=3),
        Effect.REDUCING,
        "more than half of the markets that were due were missing in 3 ticks",
        NOW + timedelta(minutes=30),
    ),
    Breaker.KILL_FILE: (replace(QUIET, kill_file="/data/HALT exists"), Effect.HALTED, "/data/HALT exists", None),
    Breaker.ORDER_GROUP: (replace(QUIET, order_group="triggered by x"), Effect.HALTED, "triggered by x", None),
}


def test_below_its_threshold_no_breaker_trips() -> None:
    assert trips(QUIET, THRESHOLDS, NOW) == ()


@pytest.mark.parametrize("breaker", list(Breaker))
def test_a_breaker_trips_alone_at_its_threshold(breaker: Breaker) -> None:
    facts, effect, reason, until = CASES[breaker]
    assert trips(facts, THRESHOLDS, NOW) == (Trip(breaker, effect, reason, until),)


@pytest.mark.parametrize("breaker", list(Breaker))
def test_each_breaker_follows_its_documented_rule(breaker: Breaker) -> None:
    _, effect, _, until = CASES[breaker]
    rule = RULES[breaker]
    assert (rule.effect, rule.lasts) == (effect, None if until is None else until - NOW)
    assert rule.trips_when


def test_a_win_trips_no_breaker() -> None:
    won = replace(QUIET, day=loss("-500"), week=loss("-500"), month=loss("-500"))
    assert trips(won, THRESHOLDS, NOW) == ()


def test_several_breakers_trip_at_once() -> None:
    facts = replace(QUIET, day=loss("300"), week=loss("300"), month=loss("300"), rejects=9)
    tripped = [trip.breaker for trip in trips(facts, THRESHOLDS, NOW)]
    assert tripped == [Breaker.DAILY_LOSS, Breaker.WEEKLY_LOSS, Breaker.MONTHLY_LOSS, Breaker.REJECTS]


def test_a_breaker_trips_again_only_after_its_hold_ended_or_was_acknowledged() -> None:
    tripped = trips(replace(QUIET, day=loss("50"), rejects=5), THRESHOLDS, NOW)
    held = Hold(1, "breaker daily_loss", Effect.REDUCING, "x", NOW - timedelta(hours=1), NOW + timedelta(hours=23))
    assert [trip.breaker for trip in due(tripped, [held], NOW)] == [Breaker.REJECTS]
    assert due(tripped, [held], NOW + timedelta(hours=23)) == tripped
    assert due(tripped, [replace(held, acknowledged_by="ann")], NOW) == tripped
    assert due(tripped, [], NOW) == tripped
