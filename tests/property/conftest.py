"""One floor for all examples of a session."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from tests.postgres import running_cluster
from tests.property.floor import Floor, open_floor


@pytest.fixture(scope="session")
def floor() -> Iterator[Floor]:
    """A database and an exchange that each example begins anew, and a trader that keeps quiet."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with running_cluster() as cluster, open_floor(cluster) as ready:
        yield ready
    structlog.reset_defaults()
