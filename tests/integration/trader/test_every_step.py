"""A real tick that is stopped at each of its steps: two ticks later the ledger agrees, and nothing is double.

A run that is not of the whole matrix takes the steps between the decision and the last order's outcome; the two cuts
of the wire share these.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from tests.integration.trader.processes import Scene
from tests.integration.trader.proxy import Cut

Stop = Callable[[Scene, str], list[str]]


def killed(scene: Scene, point: str) -> list[str]:
    """SIGKILL."""
    code = scene.tick(f"{point}=kill")
    return [] if code == -signal.SIGKILL else [f"it left with {code}"]


def cut_off(where: Cut, scene: Scene, point: str) -> list[str]:
    """The wire to the exchange is cut, and repaired when the tick has ended."""
    scene.tick_held_at(point, lambda: scene.proxy.cut(where))
    scene.proxy.cut(Cut.NOWHERE)
    return []


STOPS: list[Stop] = [killed, partial(cut_off, Cut.BEFORE), partial(cut_off, Cut.AFTER)]
NAMES = ["killed", "cut off", "cut off from all answers"]


def wrong_after(scene: Scene, stop: Stop, points: Sequence[str]) -> str:
    """What is wrong after a tick was stopped at each of those points, and two more have run."""
    problems = []
    for point in points:
        scene.begin()
        problems += [f"{point}: {problem}" for problem in [*stop(scene, point), *scene.converge()]]
    return "\n".join(problems)


def around_orders(points: Sequence[str]) -> Sequence[str]:
    """The points between the decision and the last order's outcome."""
    first = points.index("decisions.committed#1")
    last = max(index for index, point in enumerate(points) if point.startswith("outcome.committed"))
    assert last - first > 12, "this world must offer several orders"
    return points[first : last + 1]


@pytest.mark.parametrize(("stop", "begin", "every"), list(zip(STOPS, (0, 0, 1), (1, 2, 2), strict=True)), ids=NAMES)
def test_tick_stopped_around_its_orders_is_recovered_by_the_next_two(
    scene: Scene, stop: Stop, begin: int, every: int
) -> None:
    assert not wrong_after(scene, stop, around_orders(scene.points())[begin::every])


@pytest.mark.matrix
@pytest.mark.parametrize("stop", STOPS, ids=NAMES)
def test_tick_stopped_at_any_step_is_recovered_by_the_next_two(scene: Scene, stop: Stop) -> None:
    points = scene.points()
    assert set(around_orders(points)) < set(points)
    assert not wrong_after(scene, stop, points)
