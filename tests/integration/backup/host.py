"""A host for the backup's scripts: the real ones, as root, on a real PostgreSQL, in a file system of their own.

Each command runs in a mount namespace in which the platform's directories are folders of the test's, so that nothing of
the machine's own is seen or changed. Of systemd there is a stand-in that answers yes.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE
from tests.postgres import TestDatabase
from tests.roles.rendering import ROOT

SCRIPTS = "/opt/milkbot/deployment/scripts"
BACKUPS = "/var/backups/milkbot"
NAME = "milkbot"
# A folder that is the remote.
STORE = "/opt/milkbot/store"
# Under these a test's folders are mounted; a file system over them hides the machine's own.
_HIDDEN = ("/opt", "/var/lib", "/var/backups", "/usr/local")
RECORDING = "/var/lib/milkbot-record"
_FOLDERS = (
    *("/opt/milkbot", "/var/lib/milkbot-backup", RECORDING, BACKUPS, "/usr/local/sbin", "/run/lock", "/etc/milkbot"),
)
_ENTER = """
set -e
for hidden in {hidden}; do mount -t tmpfs none $hidden; done
mkdir -p {root}/etc-above {root}/etc-work
mount -t overlay -o lowerdir=/etc,upperdir={root}/etc-above,workdir={root}/etc-work none /etc
for folder in {folders}; do mkdir -p $folder; mount --bind {root}$folder $folder; done
{more}
exec "$@"
"""

_CHECKSUMS = f"""
SELECT 'oid ' || oid FROM pg_database WHERE datname = '{NAME}';
SELECT format(
    'SELECT %L || md5(coalesce(string_agg(t::text, $$|$$ ORDER BY t::text), $$$$)) FROM %I.%I AS t',
    schemaname || '.' || tablename || ' ', schemaname, tablename
) FROM pg_tables WHERE schemaname IN ('ops', 'analytics')
\\gexec
"""


@dataclass(slots=True)
class Host:
    """The platform's directories below `root`, and the database that the scripts find as milkbot."""

    root: Path
    database: TestDatabase
    also: list[str] = field(default_factory=list)
    """Further commands of the shell that enters the namespace, to mount what a test wants mounted."""

    @staticmethod
    def make(root: Path, database: TestDatabase) -> Host:
        """An empty host whose release wants the schema that the database has."""
        host = Host(root, database)
        for folder in _FOLDERS:
            (root / folder[1:]).mkdir(parents=True)
        for kind in ("daily", "weekly", "monthly", "pre-deploy"):
            host.path(f"{BACKUPS}/{kind}").mkdir()
        shutil.copytree(ROOT / "deployment/scripts", host.path(SCRIPTS))
        # As the role backup installs it.
        lock = shutil.copy(ROOT / "roles/lock/module_utils/milkbot_lock.py", host.path(f"{SCRIPTS}/deploy-lock.py"))
        Path(lock).chmod(0o755)
        release = host.path("/opt/milkbot/releases/r1")
        (release / "app").mkdir(parents=True)
        (release / "app/migrations").symlink_to(ROOT / "app/migrations")
        (release / "release.json").write_text(json.dumps({"schema": host.revision()}), "utf-8")
        host.path("/opt/milkbot/current").symlink_to("/opt/milkbot/releases/r1")
        host.settings(RESERVE_MB=0)
        host.program("systemctl", "exit 0")
        host.program("systemd-run", "exit 0")
        return host

    def path(self, inside: str) -> Path:
        """Where a path of the host is on this machine."""
        return self.root / inside[1:]

    def program(self, name: str, body: str) -> None:
        """A program of the host that comes before the system's own of that name."""
        path = self.path(f"/usr/local/sbin/{name}")
        path.write_text(f"#!/bin/bash\n{body}\n", "utf-8")
        path.chmod(0o755)

    def settings(self, **values: object) -> None:
        """Write backup.env."""
        lines = (f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())
        self.path("/etc/milkbot/backup.env").write_text("".join(lines), "utf-8")

    def start(self, *command: str, mounts: Sequence[str] = (), **environment: str) -> subprocess.Popen[str]:
        """Start a command on the host, in a process group of its own; what it says comes out of one pipe."""
        return subprocess.Popen(
            self._entering(mounts, *command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=self._environment(environment),
        )

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the host."""
        return subprocess.run(
            self._entering((), *command),
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            start_new_session=True,
            env=self._environment(environment),
        )

    def _entering(self, mounts: Sequence[str], *command: str) -> list[str]:
        enter = _ENTER.format(
            hidden=" ".join(_HIDDEN),
            folders=" ".join(_FOLDERS),
            root=shlex.quote(str(self.root)),
            more="\n".join([*self.also, *mounts]),
        )
        return ["unshare", "--mount", "--", "bash", "-c", enter, "enter", *command]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        return {**os.environ, "PGHOST": str(self.database.socket_directory), **more}

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts."""
        return self.run(f"{SCRIPTS}/{name}", *arguments)

    def backup(self, kind: str = "daily") -> Path:
        """Back up; returns where the backup is on this machine."""
        done = self.script("backup-database.sh", kind)
        assert done.returncode == 0, done.stderr
        return self.path(done.stdout.strip())

    def backups(self, kind: str = "daily") -> list[Path]:
        """What has the name of a backup, the oldest first."""
        return sorted(self.path(f"{BACKUPS}/{kind}").glob("milkbot_*.sql.gz"))

    def leftovers(self) -> list[str]:
        """What a run left that is neither a backup nor what belongs to one, nor kept on purpose."""
        kept = {".lock", ".reserve", ".drill.lock", ".offsite.lock", ".fetch.lock"}
        found = [path for path in self.path(BACKUPS).rglob("*") if path.is_file() or path.name.startswith(".")]
        dumps = {path.name for path in found if path.name.endswith(".sql.gz")}
        return [
            str(path.relative_to(self.path(BACKUPS)))
            for path in found
            if path.name not in kept and path.name.partition(".sql.gz")[0] + ".sql.gz" not in dumps
        ]

    def state(self, name: str) -> dict[str, Any]:
        """The last outcome of a job."""
        found: dict[str, Any] = json.loads(self.path(f"/var/lib/milkbot-backup/{name}.json").read_text("utf-8"))
        return found

    def ask(self, query: str, database: str = NAME) -> list[Any]:
        """The lines of a query's answer, or of a script of psql's."""
        command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database]
        done = subprocess.run(
            command, input=query, check=True, capture_output=True, text=True, env=self._environment({})
        )
        return done.stdout.splitlines()

    def revision(self) -> str:
        return str(self.ask("SELECT version_num FROM ops.alembic_version")[0])

    def checksums(self) -> dict[str, str]:
        """A digest of every row of every table of the live database, and which database that is."""
        lines = self.ask(_CHECKSUMS)
        return dict(line.split(" ") for line in lines)

    def databases(self) -> set[str]:
        return set(self.ask(f"SELECT datname FROM pg_database WHERE datname LIKE '{NAME}%'", "postgres"))

    def fill(self, ticks: int, note: str = "''") -> None:
        """Add ticks, each with a message that the SQL expression makes."""
        self.ask(
            "INSERT INTO ops.ticks (trading_mode, started_at, release, config_hash, message) "
            f"SELECT 'demo', now(), 'r1', 'c', {note} FROM generate_series(1, {ticks})"
        )


def send_away(host: Host, **settings: object) -> None:
    """Have its backups go, encrypted, into a folder; the identity is there too, which no real host has."""
    made = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True)
    host.path("/opt/milkbot/identity").write_text(made.stdout, "utf-8")
    public = made.stderr.removeprefix("Public key: ")
    host.path("/etc/milkbot/backup-recipients").write_text(public, "utf-8")
    host.path("/etc/milkbot/backup-rclone.conf").write_text(f"[store]\ntype = alias\nremote = {STORE}\n", "utf-8")
    host.settings(RESERVE_MB=0, OFFSITE="yes", ENCRYPT="yes", OFFSITE_TARGET="store:one", **settings)
