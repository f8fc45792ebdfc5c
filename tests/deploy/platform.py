"""A provisioned machine, and versions to bring to it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from localvps import recipes

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "milkbot.test"
# Long enough for a run of the trader and of the rollups; an operator waits for longer.
WATCH_SECONDS = 10
IMAGE = os.environ.get("MILKBOT_MOLECULE_IMAGE") or recipes.DEFAULT
_OF_IMAGE = yaml.safe_load((ROOT / f"roles/milkbot/vars/{recipes.find(IMAGE).system}.yml").read_text(encoding="utf-8"))
POSTGRES_VERSION: int = _OF_IMAGE["_milkbot_postgres_version"]
POSTGRES_UNIT = f"postgresql@{POSTGRES_VERSION}-main"
_NGINX = yaml.safe_load((ROOT / "roles/nginx/defaults/main.yml").read_text(encoding="utf-8"))
CONNECTIONS_PER_ADDRESS: int = _NGINX["nginx_connections_per_address"]
# A playbook of a minute takes many on a machine that does much else.
PLAY_PATIENCE = 3600

_MIGRATION = '''"""A migration of the tests'."""

from alembic import op

revision = "{number}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {up}


def downgrade() -> None:
    {down}
'''


def migration(number: str, before: str, *, up: str, down: str) -> dict[str, str]:
    """The file of a migration on top of another one; `up` and `down` are the functions' lines, as they stand there."""
    text = _MIGRATION.format(number=number, before=before, up=up, down=down)
    return {f"app/migrations/versions/{number}_test.py": text}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Standard output of a command that has to succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd).stdout.strip()


@dataclass(frozen=True, slots=True)
class Versions:
    """A clone of this repository, to commit broken versions to."""

    directory: Path

    @staticmethod
    def clone(directory: Path) -> Versions:
        run("git", "clone", "--quiet", ROOT, directory)
        return Versions(directory)

    def commit(
        self,
        message: str,
        changes: dict[str, str],
        *,
        append: bool = False,
        on: str = "origin/HEAD",
        ships: bool = True,
    ) -> str:
        """Commit the files' content on top of another commit, this checkout's one by default; returns the commit.

        With `ships` a server gets something of it that no other version has.
        """
        run("git", "checkout", "--quiet", "--detach", on, cwd=self.directory)
        for name, content in changes.items():
            path = self.directory / name
            before = path.read_text(encoding="utf-8") if append else ""
            path.write_text(before + content, encoding="utf-8")
        if ships:
            with (self.directory / "LICENSE").open("a", encoding="utf-8") as file:
                file.write(f"\n{message} ({uuid4()})\n")
        run("git", "add", "--all", cwd=self.directory)
        who = ("-c", "user.name=test", "-c", "user.email=test@milkbot.test")
        run("git", *who, "commit", "--quiet", "--allow-empty", "--message", message, cwd=self.directory)
        return run("git", "rev-parse", "HEAD", cwd=self.directory)


@dataclass(frozen=True, slots=True)
class Platform:
    """The machine that Molecule provisioned."""

    machine: str
    address: str
    authority: Path
    inventory: Path
    versions: Versions

    def ssh(self, command: str) -> str:
        """Standard output of a command of root's on the machine."""
        return run(ROOT / "bin/vps", "ssh", self.machine, command)

    def play(
        self, playbook: str, *options: str, environment: Mapping[str, str] | None = None, **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook from this checkout, with versions from the clone."""
        return subprocess.run(
            self.command(playbook, *options, **variables),
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
                **(environment or {}),
            },
            timeout=PLAY_PATIENCE,
        )

    def command(self, playbook: str, *options: str, **variables: Any) -> list[str]:
        """The command line of `play`."""
        given = {
            "release_repository": str(self.versions.directory),
            "systemd_watch_seconds": WATCH_SECONDS,
            **variables,
        }
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        return [program, "-i", str(self.inventory), playbook, "-e", json.dumps(given), *options]

    def live(self) -> str:
        """Id of the release that current points to."""
        return Path(self.ssh("readlink /opt/milkbot/current")).name

    def record(self, release: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ssh(f"cat /opt/milkbot/releases/{shlex.quote(release)}/release.json"))
        return found

    def incomplete(self) -> list[str]:
        """Releases that were begun and not finished."""
        find = "find /opt/milkbot/releases -mindepth 1 -maxdepth 1 -type d ! -exec test -e {}/release.json ';' -print"
        return self.ssh(find).split()

    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ssh("cat /opt/milkbot/deploys.jsonl").splitlines()]

    def last_line(self, *names: str) -> dict[str, Any]:
        """Those fields of the history's last line; one that it lacks is None."""
        last = self.history()[-1]
        return {name: last.get(name) for name in names}

    def schema(self) -> str:
        return self.ssh("milkbot db current").splitlines()[-1]

    def state(self) -> dict[str, str]:
        """What has to be the same after a deploy that failed."""
        health = json.loads(self.ssh("curl --silent http://127.0.0.1:8000/v1/health"))
        return {
            "link": self.live(),
            "serving": health["release"],
            "schema": self.schema(),
            "timers": self.ssh("systemctl is-active milkbot-trader.timer milkbot-rollups.timer || true"),
            "services": self.ssh("systemctl is-active milkbot-analytics milkbot-dashboard || true"),
            "helpers": self.ssh("systemctl is-active milkbot-analytics-next milkbot-dashboard-next || true"),
            "lock": self.ssh("ls /run/lock/milkbot-deploy.json 2>/dev/null || true"),
        }


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a playbook printed, without the line breaks of its layout."""
    return " ".join((done.stdout + done.stderr).split())
