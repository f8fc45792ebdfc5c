"""A PostgreSQL of one's own for an hour: the installed server on a folder that is thrown away, with our roles.

`milkbot replay` and the tests run on it, so that neither needs a database to be set up, nor can touch a real one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from milkbot.db.session import DatabaseAddress
from milkbot.errors import MilkbotError

OWNER = "milkbot"
TRADER = "milkbot_trader"
CONTROL = "milkbot_control"
"""The acts of the operator's page: what the trader may, and what only an operator decides."""
SET_BY_OWNER = (TRADER, "milkbot_rollups")
"""Roles that `milkbot db smoke` tries the statements of, with their rights alone."""
ROLES = (OWNER, *SET_BY_OWNER, "milkbot_api", "milkbot_operator", CONTROL)
PORT = 5432
# pg_ctl's own minute is too short for a machine that is busy.
_WAIT = ("-w", "-t", "3600")
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
    """The newest installed server's folder of programs. Raises MilkbotError when there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(re.sub(r"\D", "", path.parts[-3]))
    )
    if not found:
        raise MilkbotError("PostgreSQL's server is not installed; run: apt-get install postgresql")
    return found[-1].parent


def address(socket_directory: Path, name: str, role: str = OWNER) -> DatabaseAddress:
    """A database of a scratch server as a role. The server trusts its own Unix socket."""
    return DatabaseAddress(str(socket_directory), PORT, name, role, None)


def admin_address(socket_directory: Path) -> DatabaseAddress:
    """The maintenance database as superuser."""
    return address(socket_directory, "postgres", "postgres")


@contextmanager
def scratch_server() -> Iterator[Path]:
    """Run a server on a Unix socket only; yields the socket's folder. Stopped and removed at the end.

    The server refuses to run as root: then it runs as the distribution's user postgres.
    """
    programs, as_user = server_programs(), _as_user()
    # Short: a Unix socket's path may have 107 characters only.
    directory = Path(tempfile.mkdtemp(prefix="milkbot-pg-", dir="/tmp"))
    try:
        if as_user:
            shutil.chown(directory, "postgres")
        data = directory / "data"
        _run([*as_user, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"])
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{CONFIGURATION}unix_socket_directories = '{directory}'\n")
        start_again(directory)
        try:
            _make_roles(directory)
            yield directory
        finally:
            stop_at_once(directory)
    finally:
        shutil.rmtree(directory)


def start_again(directory: Path) -> None:
    """Start the server of a scratch folder; it recovers by itself from whatever ended it."""
    log = directory / "server.log"
    _run([*_as_user(), server_programs() / "pg_ctl", "-D", directory / "data", *_WAIT, "-l", log, "start"])


def stop_at_once(directory: Path) -> None:
    """Stop it in mode immediate: its processes go without a word to anyone, and nothing is flushed."""
    _run([*_as_user(), server_programs() / "pg_ctl", "-D", directory / "data", "-m", "immediate", *_WAIT, "stop"])


def _as_user() -> list[str | Path]:
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def create_database(socket_directory: Path, name: str, template: str = "template0") -> None:
    """Make a database of the owner's, closed to everyone but the platform's roles."""
    engine = create_engine(admin_address(socket_directory).url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}"))
        connection.execute(text(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"))
        connection.execute(text(f"GRANT CONNECT ON DATABASE {name} TO {', '.join(ROLES)}"))
    engine.dispose()


def _make_roles(socket_directory: Path) -> None:
    engine = create_engine(admin_address(socket_directory).url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for role in ROLES:
            connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"GRANT {TRADER} TO {CONTROL}"))
        connection.execute(text(f"GRANT {', '.join(SET_BY_OWNER)} TO {OWNER}"))
    engine.dispose()


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")  # noqa: S603 - our own words
    if done.returncode:
        shown = " ".join(str(part) for part in command)
        raise MilkbotError(f"{shown} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
