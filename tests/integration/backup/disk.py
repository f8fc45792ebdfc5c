"""Disks that get full: small file systems, and a whole host on one of them, its PostgreSQL too."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from tests.integration.backup.host import NAME, Host
from tests.patience import PATIENCE
from tests.postgres import TEMPLATE, Cluster, TestDatabase

from milkbot.db.scratch import ROLES, admin_address, create_database, server_programs

# Small, so that what the disk holds is the databases and not the log of what was done to them.
_CONFIGURATION = """
fsync = off
synchronous_commit = off
listen_addresses = ''
timezone = 'UTC'
min_wal_size = 2MB
max_wal_size = 8MB
"""


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system."""

    path: Path

    def fill(self, _process: object = None) -> None:
        """Take every byte of it that is free."""
        with (self.path / "filler").open("wb", buffering=0) as filler:
            for block in (1 << 20, 1 << 10):
                try:
                    while filler.write(bytes(block)):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Give back what `fill` took."""
        (self.path / "filler").unlink(missing_ok=True)

    def used(self, what: str) -> int:
        """How many `nr_blocks`, or `nr_inodes`, are taken."""
        found = os.statvfs(self.path)
        return found.f_blocks - found.f_bfree if what == "nr_blocks" else found.f_files - found.f_ffree

    def resize(self, option: str) -> None:
        """Of a tmpfs: mount it anew with that option, as `nr_blocks=20`."""
        _run("mount", "-o", f"remount,{option}", str(self.path))


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[Disk]:
    """A tmpfs over a folder, which has what the folder had; or with `-o loop IMAGE` the file system in that file."""
    with tempfile.TemporaryDirectory() as name:
        _run("cp", "-a", str(path), f"{name}/before")
        _run("mount", *options, str(path))
        try:
            _run("cp", "-a", f"{name}/before/.", str(path))
            yield Disk(path)
        finally:
            _run("umount", "--lazy", str(path))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")


@dataclass(frozen=True, slots=True)
class OneDisk(Disk):
    """A host of which everything is on one disk."""

    host: Host
    data: Path

    def free(self) -> None:
        """Make room, as an operator would: PostgreSQL stops when it cannot write its log, and is started again."""
        Disk.free(self)
        status = subprocess.run(
            [*_as_postgres("pg_ctl", self.data), "status"], check=False, capture_output=True, cwd="/"
        )
        if status.returncode:
            _start(self.data)
        until = time.monotonic() + PATIENCE
        while subprocess.run(
            ["psql", "-XqAt", "-h", self.data.parent, "-U", "postgres", "-c", "SELECT 1"],
            check=False,
            capture_output=True,
        ).returncode:
            assert time.monotonic() < until, (self.data.parent / "server.log").read_text("utf-8")[-2000:]
            time.sleep(0.05)


def _as_postgres(program: str, data: Path) -> list[str]:
    return ["runuser", "-u", "postgres", "--", str(server_programs() / program), "--pgdata", str(data)]


def _start(data: Path) -> None:
    log = data.parent / "server.log"
    _run(*_as_postgres("pg_ctl", data), "--wait", "--silent", f"--log={log}", "start")


@contextmanager
def one_disk(megabytes: int) -> Iterator[OneDisk]:
    """A host on a disk of that size; the scripts see that there is room, so that they begin."""
    with tempfile.TemporaryDirectory(prefix="milkbot-disk-", dir="/dev/shm") as name:
        top = Path(name)
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "none", name)
        server, root = top / "pg", top / "host"
        data = server / "data"
        try:
            for folder in (server, root):
                folder.mkdir()
            shutil.chown(server, "postgres")
            how = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--wal-segsize=1")
            _run(*_as_postgres("initdb", data), *how)
            with (data / "postgresql.conf").open("a") as configuration:
                configuration.write(f"{_CONFIGURATION}unix_socket_directories = '{server}'\n")
            _start(data)
            admin = create_engine(admin_address(server).url(), isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                for role in ROLES:
                    connection.execute(text(f"CREATE ROLE {role} LOGIN"))
            admin.dispose()
            Cluster(server).admin.dispose()
            create_database(server, NAME, TEMPLATE)
            host = Host.make(root, TestDatabase(server, NAME))
            host.program("df", "echo Avail; echo 999999999999")
            yield OneDisk(top, host, data)
        finally:
            subprocess.run(
                [*_as_postgres("pg_ctl", data), "--mode=immediate", "--wait", "stop"], check=False, capture_output=True
            )
            _run("umount", "--lazy", name)
