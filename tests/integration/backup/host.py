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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import TestDatabase
from tests.roles.rendering import ROOT

SCRIPTS = "/opt/milkbot/deployment/scripts"
BACKUPS = "/var/backups/milkbot"
NAME = "milkbot"
# Under these a test's folders are mounted; a file system over them hides the machine's own.
_HIDDEN = ("/opt", "/var/lib", "/var/backups", "/usr/local")
_FOLDERS = ("/opt/milkbot", "/var/lib/milkbot-backup", BACKUPS, "/usr/local/sbin", "/run/lock", "/etc/milkbot")
_ENTER = """
set -e
for hidden in {hidden}; do mount -t tmpfs none $hidden; done
mkdir -p {root}/etc-above {root}/etc-work
mount -t overlay -o lowerdir=/etc,upperdir={root}/etc-above,workdir={root}/etc-work none /etc
for folder in {folders}; do mkdir -p $folder; mount --bind {root}$folder $folder; done
{more}
exec "$@"
"""


# Each program that a script starts is a moment at which it can be killed; at which one stands in the environment.
_COUNTED = [
    *(
        "basename",
        "chmod",
        "df",
        "fallocate",
        "find",
        "flock",
        "jq",
        "mkdir",
        "mkfifo",
        "mktemp",
        "mv",
        "readlink",
        "rm",
    ),
    *("runuser", "sort", "stat", "sync", "systemctl"),
]
# Which of those moments a test goes through: a few, and all of them in parts.
MOMENTS = [(20, 25), *(pytest.param(begin, 8, marks=pytest.mark.matrix) for begin in range(1, 9))]
_COUNT = """
echo x >>"$COUNT_IN"
if [[ $(wc -l <"$COUNT_IN") -eq $KILL_AT ]]; then
    if [[ $KILL_WHAT == script ]]; then kill -9 $(cat "$COUNT_IN.script"); else kill -9 0; fi
fi
[[ ${0##*/} != systemctl ]] || exit 0
for real in /usr/sbin/${0##*/} /usr/bin/${0##*/}; do [[ ! -x $real ]] || exec "$real" "$@"; done
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

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the host."""
        enter = _ENTER.format(
            hidden=" ".join(_HIDDEN),
            folders=" ".join(_FOLDERS),
            root=shlex.quote(str(self.root)),
            more="\n".join(self.also),
        )
        return subprocess.run(
            ["unshare", "--mount", "--", "bash", "-c", enter, "enter", *command],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            start_new_session=True,
            env={**os.environ, "PGHOST": str(self.database.socket_directory), **environment},
        )

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts."""
        return self.run(f"{SCRIPTS}/{name}", *arguments)

    def killed_at(self, moment: int, what: str, *command: str) -> bool:
        """Run a script that is killed, alone or with its `group`, when it starts its `moment`th program.

        Returns whether it came that far.
        """
        counter = self.root / "count"
        counter.write_text("")
        for name in _COUNTED:
            self.program(name, _COUNT)
        started = f'echo $$ >{counter}.script; exec "$@"'
        done = self.run(
            *("bash", "-c", started, "start", *command), COUNT_IN=str(counter), KILL_AT=str(moment), KILL_WHAT=what
        )
        for name in _COUNTED:
            self.path(f"/usr/local/sbin/{name}").unlink()
        self.program("systemctl", "exit 0")
        return done.returncode != 0

    def moments(self, *command: str) -> int:
        """How many programs a whole run starts."""
        assert not self.killed_at(-1, "group", *command)
        return len((self.root / "count").read_text().splitlines())

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
        """The first column of a query's answer."""
        command = ["psql", "-XAt", "-U", "postgres", "-d", database, "-c", query]
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PGHOST": str(self.database.socket_directory)},
        )
        return done.stdout.splitlines()

    def revision(self) -> str:
        return str(self.ask("SELECT version_num FROM ops.alembic_version")[0])

    def checksums(self) -> dict[str, str]:
        """A digest of every row of every table of the live database, and which database that is."""
        tables = self.ask(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('ops', 'analytics')"
        )
        sums = {
            table: self.ask(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} AS t")[0]
            for table in tables
        }
        return {**sums, "oid": self.ask(f"SELECT oid FROM pg_database WHERE datname = '{NAME}'")[0]}

    def databases(self) -> set[str]:
        return set(self.ask(f"SELECT datname FROM pg_database WHERE datname LIKE '{NAME}%'", "postgres"))

    def fill(self, ticks: int, note: str = "''") -> None:
        """Add ticks, each with a message that the SQL expression makes."""
        self.ask(
            "INSERT INTO ops.ticks (trading_mode, started_at, release, config_hash, message) "
            f"SELECT 'demo', now(), 'r1', 'c', {note} FROM generate_series(1, {ticks})"
        )
