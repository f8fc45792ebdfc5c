"""What the tests of forecasters share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.forecaster_packages import Install, installable


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Packages with a forecaster, for this process and those that it starts."""
    with installable(tmp_path, monkeypatch) as put:
        yield put
