"""Histories: a simulator that begins two days ago, and a database of its own."""

from __future__ import annotations

import pytest
from tests.exchange import Keys, make_keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The accounts' key."""
    return make_keys(tmp_path_factory.mktemp("keys"))
