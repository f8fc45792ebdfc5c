"""A throw-away PostgreSQL cluster for tests: the distribution's server, the platform's roles, our own migrations."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from milkbot.db.migrate import upgrade
from milkbot.db.session import DatabaseAddress, make_engine

OWNER = "milkbot"
ROLES = (OWNER, "milkbot_trader", "milkbot_rollups", "milkbot_api")
TEMPLATE = "milkbot_template"
# Everything is thrown away, so nothing needs to reach the disk.
CONFIGURATION = """
fsync = off
synchronous_commit = off
full_page_writes = off
listen_addresses = ''
timezone = 'UTC'
max_connections = 60
"""


def server_programs() -> Path:
    """The newest installed server's folder of programs. Raises RuntimeError with the mend when there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(re.sub(r"\D", "", path.parts[-3]))
    )
    if not found:
        raise RuntimeError("PostgreSQL's server is not installed; run: apt-get install postgresql")
    return found[-1].parent


@dataclass(slots=True)
class TestDatabase:
    """One database of the cluster; connections are made as any of the platform's roles."""

    __test__ = False

    socket_directory: Path
    name: str
    _engines: list[Engine] = field(default_factory=list)

    def address(self, role: str = OWNER) -> DatabaseAddress:
        """The address as that role. The cluster trusts its own Unix socket."""
        return DatabaseAddress(str(self.socket_directory), 5432, self.name, role, None)

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
    """A running server. Databases are copies of a template that our migrations made."""

    def __init__(self, directory: Path) -> None:
        self.socket_directory = directory
        self._names = (f"test_{number}" for number in itertools.count(1))
        self.admin = create_engine(
            DatabaseAddress(str(directory), 5432, "postgres", "postgres", None).url(), isolation_level="AUTOCOMMIT"
        )

    def prepare(self) -> None:
        """Make the roles as the provisioning does, and the migrated template."""
        with self.admin.connect() as connection:
            for role in ROLES:
                connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        with self._created(TEMPLATE, "template0") as database:
            upgrade(database.engine())

    def stop_serving(self) -> None:
        """Close the administrator's connections."""
        self.admin.dispose()

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[TestDatabase]:
        """A fresh database, dropped at the end."""
        with self._created(next(self._names), TEMPLATE if migrated else "template0") as database:
            try:
                yield database
            finally:
                database.close()
                with self.admin.connect() as connection:
                    connection.execute(text(f"DROP DATABASE {database.name} WITH (FORCE)"))

    @contextmanager
    def _created(self, name: str, template: str) -> Iterator[TestDatabase]:
        with self.admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}"))
            connection.execute(text(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"))
            connection.execute(text(f"GRANT CONNECT ON DATABASE {name} TO {', '.join(ROLES)}"))
        database = TestDatabase(self.socket_directory, name)
        try:
            yield database
        finally:
            database.close()


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster in a folder of its own, served over a Unix socket only; stopped and removed at the end.

    The server refuses to run as root: then it runs as the distribution's user postgres.
    """
    programs = server_programs()
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # Short: a Unix socket's path may have 107 characters only.
    directory = Path(tempfile.mkdtemp(prefix="milkbot-pg-", dir="/tmp"))
    try:
        if as_user:
            shutil.chown(directory, "postgres")
        data = directory / "data"
        _run([*as_user, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"])
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{CONFIGURATION}unix_socket_directories = '{directory}'\n")
        _run([*as_user, programs / "pg_ctl", "-D", data, "-w", "-l", directory / "server.log", "start"])
        cluster = Cluster(directory)
        try:
            cluster.prepare()
            yield cluster
        finally:
            cluster.stop_serving()
            _run([*as_user, programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])
    finally:
        shutil.rmtree(directory)


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        shown = " ".join(str(part) for part in command)
        raise RuntimeError(f"{shown} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
