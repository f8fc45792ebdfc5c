"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How fast the machine is says nothing about what is tested.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

_SIBLING = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded real data. It is not part of the repository, so what needs it may have to skip."""
    path = Path(os.environ.get("MILKBOT_SHARED_DATA", _SIBLING))
    if not path.is_dir():
        pytest.skip(f"recorded data is absent at {path}; set MILKBOT_SHARED_DATA to its folder")
    return path
