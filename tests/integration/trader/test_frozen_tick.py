"""A tick that is stopped after its commit, as by SIGSTOP or swap: what it would send too late is not sent at all."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import text
from tests.integration.trader.processes import PROVED_ABSENT, WRITER, Scene, TickServer
from tests.integration.trader.tick_server import SEND_WITHIN
from tests.postgres import Cluster

from milkbot.domain.clock import SystemClock
from milkbot.errors import ExitCode

BOUND = 5.0
"""Seconds within which an order must be sent here, of which a tick that is not stopped needs a part."""
HURRIED = {SEND_WITHIN: str(BOUND)}


def outlast(seconds: float) -> None:
    """Wait until the machine's uptime is that much later."""
    until = SystemClock().uptime() + seconds
    while SystemClock().uptime() <= until:
        time.sleep(0.02)


def first_order(scene: Scene) -> tuple[str, str]:
    """State and reason of the order that was committed first."""
    ((state, reason),) = scene.floor.rows("SELECT state, state_reason FROM ops.orders ORDER BY id LIMIT 1")
    return state, reason


def request_of(scene: Scene, point: str) -> str:
    """The request that a tick sends next after that point."""
    points = scene.points(**HURRIED)
    return next(name for name in points[points.index(point) :] if name.startswith("request.sending"))


@pytest.mark.parametrize("at", ["after its commit", "after its signature"])
def test_a_tick_that_was_stopped_too_long_before_the_socket_does_not_send_its_order(
    rivals: tuple[Scene, TickServer], at: str
) -> None:
    scene, second = rivals
    point = "intent.committed#1" if at == "after its commit" else request_of(scene, "intent.committed#1")
    codes: list[int] = []

    def meanwhile() -> None:
        codes.append(scene.tick(server=second))
        outlast(BOUND)
        assert scene.accepted() == 0

    scene.begin()
    assert scene.tick_stopped_at(point, meanwhile, **HURRIED) == ExitCode.OK
    assert codes == [ExitCode.LOCKED], "it holds the lock while it is stopped"
    assert first_order(scene) == ("rejected", "too_late")
    assert scene.floor.rows("SELECT (counts->>'too late')::int FROM ops.ticks") == [(1,)]
    stored = scene.floor.rows("SELECT count(*) FROM ops.orders WHERE venue_order_id IS NOT NULL")[0][0]
    assert scene.accepted() == stored == 1, "its other order is sent"
    assert not scene.converge()


def test_a_tick_that_was_stopped_for_a_moment_sends_its_order(rivals: tuple[Scene, TickServer]) -> None:
    """So the bound is what keeps orders back in the other tests, and not the stop."""
    scene, _ = rivals
    scene.begin()
    code = scene.tick_stopped_at("intent.committed#1", lambda: outlast(0.1), **HURRIED)
    assert code == ExitCode.OK
    assert first_order(scene)[0] == "filled"
    assert not scene.converge()


def test_a_stopped_tick_sends_nothing_after_another_one_has_given_its_order_up(
    rivals: tuple[Scene, TickServer], cluster: Cluster
) -> None:
    """Its session is gone, and with it the lock; the other tick proves the order absent and sends its own."""
    scene, second = rivals
    accepted: list[int] = []

    def meanwhile() -> None:
        with cluster.admin.connect() as connection:
            ended = f"SELECT pg_terminate_backend(pid, 10000) FROM ({WRITER}) AS writer"
            assert connection.scalar(text(ended), {"name": scene.floor.database.name})
        scene.floor.sleep(PROVED_ABSENT)
        assert scene.tick(server=second) == ExitCode.OK
        assert first_order(scene)[0] == "rejected"
        accepted.append(scene.accepted())
        outlast(BOUND)

    scene.begin()
    code = scene.tick_stopped_at("intent.committed#1", meanwhile, **HURRIED)
    assert code == ExitCode.DATABASE
    assert accepted == [scene.accepted()] == [2], "the stopped tick adds no order"
    assert not scene.converge()
