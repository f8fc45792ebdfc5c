"""Databases for tests on the platform's own scratch server: copies of one template that our migrations made."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from milkbot.db.migrate import upgrade
from milkbot.db.scratch import (
    OWNER,
    address,
    admin_address,
    create_database,
    scratch_server,
    start_again,
    stop_at_once,
)
from milkbot.db.session import DatabaseAddress, make_engine

TEMPLATE = "milkbot_template"


@dataclass(slots=True)
class TestDatabase:
    """One database of the cluster; connections are made as any of the platform's roles."""

    __test__ = False

    socket_directory: Path
    name: str
    _engines: list[Engine] = field(default_factory=list)

    def address(self, role: str = OWNER) -> DatabaseAddress:
        """The address as that role. The cluster trusts its own Unix socket."""
        return address(self.socket_directory, self.name, role)

    def environment(self, role: str = OWNER) -> dict[str, str]:
        """The variables by which a process of the platform finds this database as that role."""
        return {"POSTGRES_HOST": str(self.socket_directory), "POSTGRES_DB": self.name, "POSTGRES_USER": role}

    def engine(self, role: str = OWNER) -> Engine:
        """An engine as that role, disposed of with the database."""
        engine = make_engine(self.address(role), application="test")
        self._engines.append(engine)
        return engine

    def close(self) -> None:
        """End every connection of the engines that were handed out."""
        for engine in self._engines:
            engine.dispose()


class Cluster:
    """A running server with the migrated template."""

    def __init__(self, socket_directory: Path) -> None:
        self.socket_directory = socket_directory
        self.admin = create_engine(admin_address(socket_directory).url(), isolation_level="AUTOCOMMIT")
        self._names = (f"test_{number}" for number in itertools.count(1))
        template = self._create(TEMPLATE, "template0")
        upgrade(template.engine())
        template.close()

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[TestDatabase]:
        """A fresh database, dropped at the end."""
        database = self._create(next(self._names), TEMPLATE if migrated else "template0")
        try:
            yield database
        finally:
            database.close()
            with self.admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {database.name} WITH (FORCE)"))

    def stop_at_once(self) -> None:
        """The server dies as by a power cut of its own: no session is asked, nothing is flushed."""
        self.admin.dispose()
        stop_at_once(self.socket_directory)

    def start_again(self) -> None:
        """The server comes back and recovers."""
        start_again(self.socket_directory)

    def _create(self, name: str, template: str) -> TestDatabase:
        create_database(self.socket_directory, name, template)
        return TestDatabase(self.socket_directory, name)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster of the test's own, stopped and removed at the end."""
    with scratch_server() as socket_directory:
        cluster = Cluster(socket_directory)
        try:
            yield cluster
        finally:
            cluster.admin.dispose()
