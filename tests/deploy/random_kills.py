"""Kills playbooks at random moments, and holds that one more run converges. `python -m tests.deploy.random_kills -h`.

Each run takes a playbook, kills it by SIGKILL at a random second, runs it again, and then compares what runs with what
is on disk. The seed gives the same playbooks and seconds; what a second meets depends on the machine's speed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.deploy.platform import ROOT, Platform, Versions, said
from tests.deploy.running import complaints, otherwise

_ROWS = ("configuration of nginx", "settings of PostgreSQL", "files of the units", "firewall")
_FIRST = 60.0
_DAY_OF_MINUTES = 1440


@dataclass
class Found:
    """One kill, and what was left after the next run."""

    number: int
    playbook: str
    second: float
    task: str = "it had ended"
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Number, playbook, second, the task that was cut off, and what is wrong."""
        end = "; ".join(self.wrong) or "converged"
        return f"{self.number:3} {self.playbook:34} killed after {self.second:5.1f} s in: {self.task} | {end}"


@dataclass
class Killer:
    """Knows what each playbook is given, so that there is something for it to do."""

    platform: Platform
    chance: random.Random
    longest: dict[str, float] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def play(self, number: int) -> Found:
        """One kill and the run after it."""
        name = self.chance.choice(sorted(PLAYS))
        variables, options = PLAYS[name](self, number)
        given = {
            "systemd_watch_seconds": 3,
            "release_keep": 100,
            "release_keep_free_gb": 0,
            **self.settings,
            **variables,
        }
        command = self.platform.command(f"{name}.yml", *options, **given)
        what = " ".join([name, *options])
        # A kill after its end proves nothing: what one run took bounds the next second.
        second = round(self.chance.uniform(1, self.longest.get(what, _FIRST)), 1)
        found = Found(number, what, second)
        begun = time.monotonic()
        found.task, ended = _killed(command, second)
        if ended:
            self.longest[what] = max(5.0, time.monotonic() - begun)
        done = self.platform.play(f"{name}.yml", *options, **given)
        if done.returncode != 0:
            found.wrong.append(f"the next run ended with {done.returncode}: {said(done)[-1500:]}")
        self._wait_for_the_tick()
        found.wrong += otherwise(self.platform) + complaints(self.platform, *_ROWS)
        return found

    def _wait_for_the_tick(self) -> None:
        """A dump or a tick that the killed run had begun is not waited for by every playbook."""
        self.platform.ssh("timeout 600 sh -c 'while systemctl is-active -q milkbot-rollups; do sleep 1; done' || true")

    def earlier(self) -> list[str]:
        """Releases that are complete, not bad, and not live."""
        live = self.platform.live()
        there = [name for name in self.platform.ssh("ls -1 /opt/milkbot/releases").split() if name != live]
        return [name for name in there if self.platform.record(name).get("result", "good") != "bad"]

    def version(self) -> str:
        """A commit that changes what is shipped."""
        number = f"{self.chance.random():.12f}"
        live = self.platform.record(self.platform.live())["commit"]
        change = {"app/milkbot/__init__.py": f"\n# {number}\n"}
        return self.platform.versions.commit(f"Version {number}", change, append=True, on=live)


def _site(killer: Killer, number: int) -> tuple[dict[str, Any], list[str]]:
    live = killer.platform.record(killer.platform.live())["commit"]
    killer.settings |= {
        "nginx_api_requests_per_second": 10 + number,
        "postgres_settings": {
            "log_min_duration_statement": f"{1 + number % 3}s",
            "max_locks_per_transaction": 64 + number % 2,
        },
        "systemd_trader_interval_minutes": 1 + number % 2,
        "ufw_extra_rules": [{"port": 9900 + number, "from_ip": "192.0.2.1"}],
        "backup_drill_enabled": number % 2 == 0,
    }
    tags = killer.chance.choice(["", "", "postgres,nginx,systemd,ufw", "postgres,ufw", "nginx,systemd"])
    return {"version": live}, ["--tags", tags] if tags else []


def _update(killer: Killer, number: int) -> tuple[dict[str, Any], list[str]]:
    del number
    return {"version": killer.version()}, []


def _rollback(killer: Killer, number: int) -> tuple[dict[str, Any], list[str]]:
    del number
    if not killer.earlier():  # each rollback marks the release that it came from as bad
        done = killer.platform.play("update.yml", version=killer.version(), **killer.settings)
        assert done.returncode == 0, said(done)
    return {"release": killer.chance.choice(killer.earlier())}, []


def _restore(killer: Killer, number: int) -> tuple[dict[str, Any], list[str]]:
    del number
    killer.platform.ssh("/opt/milkbot/deployment/scripts/backup-database.sh daily")
    return {"confirm": "yes"}, []


def _upgrade(killer: Killer, number: int) -> tuple[dict[str, Any], list[str]]:
    del number
    versions = killer.platform.ssh("apt-cache madison nginx | cut -d '|' -f 2").split()
    if len(set(versions)) > 1:
        older = f"nginx={versions[1]} nginx-common={versions[1]}"
        killer.platform.ssh(
            "NEEDRESTART_SUSPEND=1 DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --allow-downgrades "
            f"-o Dpkg::Options::=--force-confold {older}"
        )
    return {}, []


def _rotate(killer: Killer, number: int) -> tuple[dict[str, Any], list[str]]:
    killer.settings["environment_postgres_password"] = f"a-password-of-the-tests-{number}-{killer.chance.random()}"
    return {}, ["--tags", "database"]


PLAYS: dict[str, Callable[[Killer, int], tuple[dict[str, Any], list[str]]]] = {
    "site": _site,
    "update": _update,
    "rollback": _rollback,
    "restore": _restore,
    "upgrade": _upgrade,
    "rotate-secrets": _rotate,
}


def _killed(command: list[str], second: float) -> tuple[str, bool]:
    """The task in which SIGKILL met the run, and whether it had ended by itself before."""
    with tempfile.TemporaryFile("w+") as output:
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        running = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT, env=environment)
        try:
            running.wait(second)
            ended = True
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
            ended = False
        output.seek(0)
        tasks = [line.strip("* \n") for line in output if line.startswith("TASK [")]
    return ("it had ended" if ended else tasks[-1] if tasks else "before its first task"), ended


@contextmanager
def _versions() -> Iterator[Versions]:
    with tempfile.TemporaryDirectory() as directory:
        yield Versions.clone(Path(directory) / "milkbot")


def kills(platform: Platform, seed: int, runs: int) -> Iterator[Found]:
    """So many kills, each followed by one more run; the platform is left with the settings of the last one."""
    killer = Killer(platform, random.Random(seed))
    for number in range(runs):
        yield killer.play(number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.random_kills", description=__doc__)
    parser.add_argument("--machine", required=True, help="a local VPS that site.yml has provisioned")
    parser.add_argument("--address", required=True)
    parser.add_argument("--inventory", required=True, type=Path, help="its inventory")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=_DAY_OF_MINUTES, help="begin no run after so many")
    asked = parser.parse_args()
    wrong, begun = 0, time.monotonic()
    with _versions() as versions:
        platform = Platform(asked.machine, asked.address, Path("/"), asked.inventory, versions)
        for found in kills(platform, asked.seed, asked.runs):
            wrong += bool(found.wrong)
            print(found.line(), flush=True)
            if time.monotonic() - begun > 60 * asked.minutes:
                print(f"no more time: {found.number + 1} of {asked.runs} runs")
                break
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
