"""Claimed and realised edge: the better leg at the recorded price, less the taker's fee."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import pytest
from tests.unit.score.samples import TWO, event

from milkbot.domain.units import Price
from milkbot.forecast.inputs import Inputs, Quote
from milkbot.score.edges import Take, bands, takes, total
from milkbot.score.evaluate import evaluate
from milkbot.score.events import RecordedEvent
from milkbot.score.moments import parse
from milkbot.score.recording import Known, Recording
from milkbot.score.yardsticks import Yardstick


class _Fixed:
    """One bid and one ask for the first of two brackets, none for the other."""

    def __init__(self, bid: str | None, ask: str | None) -> None:
        self._sides = [None if side is None else Price(Decimal(side)) for side in (bid, ask)]

    def known(self, event: RecordedEvent, moment: datetime) -> Sequence[Known]:
        del event
        bid, ask = self._sides
        before = moment.replace(hour=moment.hour - 1)
        return [Known(Quote(bid, ask, before, before), bid, ask), Known()]


def taken(answer: float, bid: str | None, ask: str | None, high: int = 40) -> list[Take]:
    """What is taken in an event of two brackets whose first one has that probability and wins below 50."""
    recording = Recording("sample", "two brackets", (event(TWO, high),), _Fixed(bid, ask))

    def given(inputs: Inputs) -> Sequence[float]:
        del inputs
        return [answer, 1 - answer]

    return takes(recording, evaluate(recording, Yardstick("given", {}, given), parse("day10")))


def test_yes_is_bought_at_the_ask_less_the_takers_fee() -> None:
    (found,) = taken(0.6, "0.45", "0.50")
    assert (found.claimed, found.realised) == pytest.approx((0.6 - 0.5 - 0.0175, 1 - 0.5 - 0.0175))


def test_no_is_bought_at_one_less_the_bid() -> None:
    (found,) = taken(0.2, "0.40", "0.50")
    assert (found.claimed, found.realised) == pytest.approx((0.8 - 0.6 - 0.0168, 0 - 0.6 - 0.0168))


def test_the_leg_that_loses_pays_the_fee_too() -> None:
    (found,) = taken(0.6, "0.45", "0.50", high=70)
    assert found.realised == pytest.approx(-0.5 - 0.0175)


def test_the_better_leg_is_taken_even_where_it_claims_nothing() -> None:
    (found,) = taken(0.48, "0.45", "0.50")
    assert found.claimed == pytest.approx(max(0.48 - 0.5 - 0.0175, 0.52 - 0.55 - 0.017325))


def test_without_a_price_nothing_is_taken() -> None:
    assert taken(0.6, None, None) == []
    assert len(taken(0.6, None, "0.50")) == 1


def test_a_sub_cent_price_pays_the_exact_fee() -> None:
    (found,) = taken(0.5, None, "0.0055")
    assert found.claimed == pytest.approx(0.5 - 0.0055 - 0.000383)


def test_bands_hold_their_upper_end_and_the_total_only_what_claims() -> None:
    day = date(2024, 2, 29)
    found = [Take(day, claimed, 0.0) for claimed in (-0.1, 0.0, 0.01, 0.0101, 0.3)]
    assert [(one.high, one.takes) for one in bands(found)] == [(0.0, 2), (0.01, 1), (0.02, 1), (float("inf"), 1)]
    assert sum(one.takes for one in bands(found)) == len(found)
    claiming = total(found)
    assert claiming is not None
    assert claiming.takes == 3
    assert claiming.claimed == pytest.approx((0.01 + 0.0101 + 0.3) / 3)
    assert total(found[:2]) is None


def test_few_days_have_no_interval() -> None:
    few, enough = ([Take(date(2024, 2, day), 0.03, 0.1) for day in range(1, days + 1)] for days in (4, 5))
    assert [bands(one)[0].interval is None for one in (few, enough)] == [True, False]
