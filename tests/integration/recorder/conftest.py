"""A recorder and a trader at one simulated exchange."""

from __future__ import annotations

import pytest
from tests.exchange import Keys, make_keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The trader's key; the recorder has none."""
    return make_keys(tmp_path_factory.mktemp("keys"))
