"""A served simulator for the tests of its HTTP surface, and one without sockets for those of its faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exchange import Keys, make_keys
from tests.in_process import Venue, opened_venue
from tests.unit.simulator.api import Api, served
from tests.unit.simulator.scripted import MIDDLE, OPENS, ScriptedWorld


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A new simulated exchange, an hour or two after its listing."""
    with served(tmp_path / "state") as serving:
        yield serving


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The key of the account that trades."""
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def venue(tmp_path: Path, keys: Keys) -> Iterator[Venue]:
    """One event, its middle bracket offered at 40 to 50 cents, ten contracts on either side."""
    world = ScriptedWorld()
    world.house.quote(MIDDLE, OPENS, 40, 50)
    with opened_venue(tmp_path / "state", keys, world, OPENS) as opened:
        yield opened
