"""A machine that finds nothing proves nothing: each broken trader has to be found out, and for what it does wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.property import sabotage
from tests.property.floor import Floor
from tests.property.running import run_examples
from tests.property.sabotage import Sabotage

ENOUGH = 200
FOUND: list[tuple[Callable[[], Sabotage], str]] = [
    (sabotage.sends_again_what_was_not_answered, "was sent twice"),
    (sabotage.sends_before_it_commits, "was sent before its intent was committed"),
    (sabotage.has_no_limits, "at risk|while trading is halted"),
    (sabotage.trades_while_it_is_halted, "while trading is halted"),
    (sabotage.forgets_the_answer, "is pending"),
    (sabotage.lets_one_series_stop_the_tick, "a tick failed for series_vanished"),
    (sabotage.takes_nothing_seen_for_health, "saw nothing of KXHIGH"),
]
# Up to a minute of a core each.
FOUND_LATE: list[tuple[Callable[[], Sabotage], str]] = [
    (sabotage.sells_without_saying_so, "was not marked as a sale"),
    (sabotage.sends_again_under_a_new_name, "was sent before its intent was committed"),
    (sabotage.takes_silence_for_a_refusal, r"is rejected, and (filled|canceled|resting) at the exchange"),
    (sabotage.tries_a_stopped_market_again, "after it said that it takes none"),
    (sabotage.reads_no_fill_twice, "fill|is rejected, and canceled at the exchange"),
]
BROKEN = [*FOUND, *(pytest.param(*late, marks=pytest.mark.matrix) for late in FOUND_LATE)]


@pytest.mark.parametrize(("broken", "words"), BROKEN, ids=lambda case: getattr(case, "__name__", None))
def test_state_machine_finds_a_broken_trader(floor: Floor, broken: Callable[[], Sabotage], words: str) -> None:
    with broken(), pytest.raises(AssertionError, match=words):
        run_examples(floor, ENOUGH, shrink=False)
