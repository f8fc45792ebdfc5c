"""Integration tests run on a real PostgreSQL: one cluster a session, one copy of the migrated template a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.exchange import Keys, make_keys, simulator_process
from tests.postgres import Cluster, TestDatabase, running_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The session's server."""
    with running_cluster() as serving:
        yield serving


@pytest.fixture
def database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A migrated database of this test's own."""
    with cluster.database() as fresh:
        yield fresh


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A database that was never migrated."""
    with cluster.database(migrated=False) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The accounts' key."""
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def origin(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simulator process on the wall clock."""
    with simulator_process(tmp_path_factory.mktemp("wall"), keys) as serving:
        yield serving
