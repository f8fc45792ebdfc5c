"""A simulated exchange to record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exchange import Keys, make_keys
from tests.unit.recorder.recording import Station, opened_station


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The simulator wants an account; the recorder has none."""
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def station(tmp_path: Path, keys: Keys) -> Iterator[Station]:
    """An exchange at noon in New York, and a recorder that has not run."""
    with opened_station(tmp_path, keys) as opened:
        yield opened
