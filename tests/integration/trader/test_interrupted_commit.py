"""An intent whose commit is cut, or whose commit's answer is lost, was never sent: "sent but not stored" cannot be."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.integration.trader.processes import WRITER, Scene
from tests.integration.trader.proxy import Cut, proxy_before
from tests.postgres import Cluster

from milkbot.errors import ExitCode


def before(points: list[str], point: str) -> str:
    """The last commit that begins before a tick comes to that point."""
    return next(name for name in reversed(points[: points.index(point)]) if name.startswith("database.committing"))


@pytest.mark.parametrize("function", ["pg_terminate_backend(pid, 10000)", "pg_cancel_backend(pid)"])
@pytest.mark.parametrize("at", ["before its commit", "after its commit"])
def test_a_tick_whose_session_is_ended_or_canceled_at_an_intent_sends_nothing_that_is_not_stored(
    scene: Scene, cluster: Cluster, function: str, at: str
) -> None:
    """A cancel finds nothing to interrupt: a session is canceled in a statement, and never between two."""
    ends = function.startswith("pg_terminate")
    points = scene.points()
    point = before(points, "intent.committed#1") if at == "before its commit" else "intent.committed#1"

    def end_the_writer() -> None:
        with cluster.admin.connect() as connection:
            found = connection.scalars(
                text(f"SELECT {function} FROM ({WRITER}) AS writer"), {"name": scene.floor.database.name}
            )
            assert list(found) == [True]

    scene.begin()
    code = scene.tick_held_at(point, end_the_writer)
    stored = scene.floor.rows("SELECT count(*) FROM ops.orders")[0][0]
    assert code == (ExitCode.DATABASE if ends else ExitCode.OK)
    if ends:
        # After its commit the first order is sent, and the tick ends where it would store the outcome.
        assert (stored, scene.accepted()) == ((0, 0) if at == "before its commit" else (1, 1))
    assert scene.accepted() <= stored
    assert not scene.converge()


def test_a_tick_whose_commit_of_an_intent_is_not_answered_sends_nothing(scene: Scene) -> None:
    """The intent is stored. Nobody knew that, so it is only proved absent later."""
    point = before(scene.points(), "intent.committed#1")
    directory = scene.floor.database.socket_directory
    scene.begin()
    with proxy_before(directory / ".s.PGSQL.5432") as wire:
        code = scene.tick_held_at(
            point,
            lambda: wire.cut(Cut.AFTER),
            POSTGRES_HOST="127.0.0.1",
            POSTGRES_PORT=str(wire.port),
        )
    stored = scene.floor.rows("SELECT state FROM ops.orders")
    assert (code, scene.accepted(), stored) == (ExitCode.DATABASE, 0, [("pending",)])
    assert not scene.converge()
    assert scene.floor.rows("SELECT state, left(state_reason, 6) FROM ops.orders ORDER BY id LIMIT 1") == [
        ("rejected", "absent")
    ]
