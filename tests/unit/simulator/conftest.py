"""A served simulator for the tests of its HTTP surface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.simulator.api import Api, served


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A new simulated exchange, an hour or two after its listing."""
    with served(tmp_path / "state") as serving:
        yield serving
