"""PostgreSQL stopped in mode immediate under a real tick, at each of its steps: what an order follows is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import text
from tests.integration.trader.processes import Scene, scene_on, tick_server
from tests.integration.trader.test_every_step import around_orders
from tests.postgres import Cluster, running_cluster
from tests.property.floor import open_floor

from milkbot.errors import ExitCode


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A server of this module's own, which nobody else misses; it keeps for long in memory what it may keep there."""
    with running_cluster() as cluster:
        with cluster.admin.connect() as connection:
            connection.execute(text("ALTER SYSTEM SET wal_writer_delay = '10s'"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield cluster


@pytest.fixture(scope="module")
def scene(own_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A floor on that server."""
    directory = tmp_path_factory.mktemp("scene")
    with (
        tick_server(directory / "ticks.log") as ticks,
        open_floor(own_cluster) as floor,
        scene_on(floor, ticks, directory) as ready,
    ):
        yield ready


def wrong_after(scene: Scene, cluster: Cluster, points: Sequence[str]) -> str:
    """What is wrong after the server was stopped at each of those points, came back, and two more ticks have run."""
    problems = []
    for point in points:
        scene.begin()
        code = scene.tick_held_at(point, cluster.stop_at_once)
        sent = scene.accepted()
        cluster.start_again()
        scene.floor.reconnect()
        known = scene.floor.rows("SELECT count(*) FROM ops.orders")
        if known[0][0] < sent:
            problems.append(f"{point}: {sent} orders were sent, {known[0][0]} intents were kept")
        if code not in (0, ExitCode.DATABASE):
            problems.append(f"{point}: it left with {code}")
        problems += [f"{point}: {problem}" for problem in scene.converge()]
    return "\n".join(problems)


def test_server_stopped_around_an_order_loses_no_intent(scene: Scene, own_cluster: Cluster) -> None:
    points = around_orders(scene.points())
    first = next(index for index, point in enumerate(points) if point.startswith("outcome.committed"))
    assert not wrong_after(scene, own_cluster, points[: first + 1])


@pytest.mark.matrix
def test_server_stopped_at_any_step_loses_no_intent(scene: Scene, own_cluster: Cluster) -> None:
    assert not wrong_after(scene, own_cluster, scene.points())
