"""What a tick counted is stored and printed under names that breakers and metrics read back."""

from __future__ import annotations

from milkbot.risk.limits import DenialCode
from milkbot.trader.counts import TickCounts
from milkbot.trader.decide.strategy import Reason

ROW = {
    "fills": 3,
    "settlements": 0,
    "mismatches": 0,
    "invariants broken": 0,
    "canceled": 2,
    "too late": 1,
    "events": 4,
    "expected markets": 24,
    "decisions": 24,
    "weather problems": 2,
    "measurements left out": 1,
    "reason edge_small": 20,
    "reason edge": 4,
    "denied spread_wide": 1,
    "orders filled": 3,
    "unread fill": 1,
    "missing KXHIGHNY": 6,
}


def test_a_stored_row_is_read_back_as_it_was() -> None:
    assert TickCounts.of_row(ROW).row() == ROW


def test_a_step_that_no_tick_came_to_leaves_no_number() -> None:
    assert TickCounts().row() == {}
    assert TickCounts(fills=0).row() == {"fills": 0}


def test_reasons_and_codes_are_counted_by_their_stored_names() -> None:
    counts = TickCounts.of_row(ROW)
    counts.reasons[Reason.EDGE] += 1
    counts.denied[DenialCode.SPREAD_WIDE] += 1
    assert counts.row() == {**ROW, "reason edge": 5, "denied spread_wide": 2}


def test_names_of_another_release_are_ignored() -> None:
    assert TickCounts.of_row({"fills": 1, "moods": 7}) == TickCounts(fills=1)


def test_numbers_of_several_steps_add_up() -> None:
    counts = TickCounts(fills=1)
    counts.add_fills(2)
    counts.add_canceled(0)
    counts.add_canceled(4)
    assert counts.row() == {"fills": 3, "canceled": 4}
