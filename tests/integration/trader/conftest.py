"""Each test trades at an exchange of its own, which begins on the same Monday with the same world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exchange import Exchange, Keys, served_exchange
from tests.forecaster_packages import Install, installable
from tests.integration.trader.processes import Scene, TickServer, scene_on, tick_server
from tests.integration.trader.stage import Stage, staged
from tests.postgres import Cluster, TestDatabase
from tests.property.floor import open_floor

# Two cities are enough to see every path, and a third of the requests.
SERIES = "KXHIGHNY,KXHIGHCHI"


@pytest.fixture
def exchange(tmp_path: Path, keys: Keys) -> Iterator[Exchange]:
    """A new exchange on Monday."""
    with served_exchange(tmp_path / "exchange", keys) as serving:
        yield serving


@pytest.fixture
def stage(exchange: Exchange, database: TestDatabase) -> Iterator[Stage]:
    """A trader of two cities in mode demo."""
    with staged(exchange, database, TRADING_SERIES=SERIES) as ready:
        yield ready


@pytest.fixture
def stage_without_limits(exchange: Exchange, database: TestDatabase) -> Iterator[Stage]:
    """A trader whose limits stop nothing, so that it wants several markets of one event."""
    limits = ("MAX_EVENT_RISK_PCT", "MAX_CITY_EXPOSURE_PCT", "MAX_CLUSTER_EXPOSURE_PCT", "MAX_OPEN_RISK_PCT")
    with staged(exchange, database, TRADING_SERIES=SERIES, **dict.fromkeys(limits, "100")) as ready:
        yield ready


@pytest.fixture(scope="module")
def scene(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A floor on which each tick begins anew, as a process of its own."""
    directory = tmp_path_factory.mktemp("scene")
    with (
        tick_server(directory / "ticks.log") as ticks,
        open_floor(cluster) as floor,
        scene_on(floor, ticks, directory) as ready,
    ):
        yield ready


@pytest.fixture(scope="module")
def rivals(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, TickServer]]:
    """A scene, and a second trader next to the scene's own."""
    with tick_server(tmp_path_factory.mktemp("rival") / "ticks.log") as second:
        yield scene, second


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Packages with a forecaster, for this process and those that it starts."""
    with installable(tmp_path, monkeypatch) as put:
        yield put
