"""Whatever is lost, late, repeated or killed: the books end equal to the exchange's, and no limit is ever broken."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.property.floor import Floor
from tests.property.machine import BooksAgree

EXAMPLES = 20


def test_books_agree_after_any_three_hundred_histories(floor: Floor) -> None:
    """The same examples in every run: a red run is red again. tests/bench/chaos goes on from other seeds."""

    class Here(BooksAgree):
        pass

    Here.floor = floor
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
