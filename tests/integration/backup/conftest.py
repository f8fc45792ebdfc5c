"""Hosts for the backup's scripts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.integration.backup.host import NAME, Host, send_away
from tests.postgres import TEMPLATE, Cluster, TestDatabase

from milkbot.db.scratch import create_database


@pytest.fixture
def host(cluster: Cluster) -> Iterator[Host]:
    """A host whose database has the platform's own name, and no other database of that family."""
    if os.geteuid() != 0:
        pytest.fail(
            "the scripts are root's, and so is a file system of their own; run as root: sudo bin/test integration"
        )
    create_database(cluster.socket_directory, NAME, TEMPLATE)
    # In memory: the scripts wait for the disk at each step, and what they do is the same.
    with tempfile.TemporaryDirectory(prefix="milkbot-host-", dir="/dev/shm") as root:
        Path(root).chmod(0o755)  # the user postgres has files below it
        host = Host.make(Path(root), TestDatabase(cluster.socket_directory, NAME))
        yield host
    with cluster.admin.connect() as connection:
        for name in host.databases() - {TEMPLATE}:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def away(host: Host) -> Host:
    """A host whose backups go, encrypted, into a folder."""
    send_away(host, OFFSITE_KEEP_DAILY=2)
    return host
