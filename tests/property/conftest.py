"""One floor for all examples of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.postgres import running_cluster
from tests.property.floor import Floor, open_floor


@pytest.fixture(scope="session")
def floor() -> Iterator[Floor]:
    """A database and an exchange that each example begins anew."""
    with running_cluster() as cluster, open_floor(cluster) as ready:
        yield ready
