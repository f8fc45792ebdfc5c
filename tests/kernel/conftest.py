"""A machine with a kernel of its own: bin/test kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.deploy.conftest import platform
from tests.deploy.platform import Platform
from tests.kernel.hogs import bring

__all__ = ["platform"]


@pytest.fixture(scope="session", autouse=True)
def _with_hogs(platform: Platform) -> Iterator[None]:
    bring(platform)
    yield
    platform.ssh("systemctl stop milkbot-hog 2>/dev/null; rm -f /root/hog.py")
