"""A client that outruns its buckets gets 429 in the middle of a tick."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeClock

from milkbot.venue.rate_limits import BASIC_READ, BASIC_WRITE, Limit, TokenBucket


def test_a_burst_within_the_capacity_does_not_wait() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, BASIC_READ)
    for _ in range(60):
        bucket.take(10)
    assert clock.slept == []


def test_the_call_after_the_burst_waits_for_its_tokens() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, BASIC_WRITE)
    for _ in range(12):
        bucket.take(10)
    assert clock.slept == pytest.approx([0.1, 0.1])


def test_a_clock_that_is_set_back_gives_no_tokens_and_takes_none() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, Limit(10, 10))
    bucket.take(10)
    clock.time -= timedelta(hours=1)
    bucket.take(10)
    assert clock.slept == pytest.approx([1.0])


def test_a_call_that_never_fits_is_an_error_and_not_an_endless_wait() -> None:
    with pytest.raises(ValueError, match="never fits"):
        TokenBucket(FakeClock(), Limit(5, 5)).take(10)


@given(costs=st.lists(st.integers(1, 30), min_size=1, max_size=60), rate=st.integers(1, 200))
def test_no_run_of_calls_ever_spends_more_than_capacity_and_refill(costs: list[int], rate: int) -> None:
    clock = FakeClock()
    started, limit = clock.time, Limit(rate, 30)
    bucket = TokenBucket(clock, limit)
    spent = 0
    for cost in costs:
        bucket.take(cost)
        spent += cost
        elapsed = (clock.time - started).total_seconds()
        # A clock counts microseconds, so each wait may be half of one short.
        assert spent <= limit.capacity + (elapsed + len(costs) * 1e-6) * rate
