"""Two traders on one account and one database, begun at the same moment: one writes, the other leaves."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from tests.integration.trader.processes import Scene, TickServer
from tests.patience import PATIENCE

from milkbot.errors import ExitCode


def race(scene: Scene, second: TickServer) -> tuple[int, int]:
    """Both traders wait at their first step, are let go together, and leave with these codes."""
    scene.begin()
    codes = [-1, -1]
    gates = [scene.directory / f"gate{number}" for number in range(2)]

    def run(number: int, server: TickServer) -> None:
        codes[number] = scene.tick(f"request.sending=wait:{gates[number]}", server=server)

    runners = [threading.Thread(target=run, args=pair) for pair in enumerate((scene.ticks, second))]
    for runner in runners:
        runner.start()
    deadline = time.monotonic() + PATIENCE
    while not all(gate.exists() for gate in gates) and time.monotonic() < deadline:
        time.sleep(0.001)
    for gate in gates:
        gate.unlink()
    for runner in runners:
        runner.join()
    return min(codes), max(codes)


def wrong_after(scene: Scene, second: TickServer, races: int) -> list[str]:
    """What went wrong in that many races."""
    problems: list[str] = []
    seen: Counter[tuple[int, int]] = Counter()
    for number in range(races):
        codes = race(scene, second)
        seen[codes] += 1
        ticks = scene.floor.rows("SELECT count(*) FROM ops.ticks")[0][0]
        if codes not in {(0, ExitCode.LOCKED), (0, 0)} or ticks != codes.count(0):
            problems.append(f"race {number}: they left with {codes}, and {ticks} ticks are recorded")
        if scene.accepted() != 2:
            problems.append(f"race {number}: {scene.accepted()} orders at the exchange, 2 are wanted")
        problems += [f"race {number}: {problem}" for problem in scene.converge()]
    if seen[0, ExitCode.LOCKED] < races // 2:
        problems.append(f"too few of them met: {seen}")
    return problems


def test_two_simultaneous_traders_send_each_order_once(rivals: tuple[Scene, TickServer]) -> None:
    assert not wrong_after(*rivals, races=4)


@pytest.mark.matrix
def test_a_hundred_races_have_one_writer_each(rivals: tuple[Scene, TickServer]) -> None:
    assert not wrong_after(*rivals, races=100)
