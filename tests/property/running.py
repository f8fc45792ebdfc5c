"""Running the machine on a floor: the same examples each time, or those of a seed."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import get_state_machine_test
from tests.property.floor import Floor
from tests.property.machine import BooksAgree
from tests.property.trial import Trial

STEPS = 12


def run_examples(
    floor: Floor,
    examples: int,
    *,
    trial_type: type[Trial] = Trial,
    shrink: bool = True,
    from_seed: int | None = None,
) -> None:
    """Raises AssertionError with the shortest history that was found to break something, if there is one."""
    machine = type("Machine", (BooksAgree,), {"floor": floor, "trial_type": trial_type})
    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        deadline=None,
        derandomize=from_seed is None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    test = get_state_machine_test(machine, settings=chosen)
    (test if from_seed is None else seed(from_seed)(test))()
