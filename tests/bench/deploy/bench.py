"""update.yml and rollback.yml under requests and open dashboards, compared with other ways to change the version.

Run as root from the checkout: python -m tests.bench.deploy.bench. Makes a machine of its own, or takes one that was
provisioned by this checkout. Prints tables; nothing is asserted. The other ways are a plain restart of the services,
the usual playbook with deploy_helper, and the runbook's commands; all run on the same machine with commits of the same
content.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.deploy.figures import Run, Way, show_durations, show_load
from tests.bench.deploy.load import Load
from tests.bench.machine import PLAYBOOK, RELEASE_PATHS, VPS, destroy, fresh_machine, run, variables, write_inventory
from tests.deploy.platform import ROOT, Platform, Versions, said

MACHINE = "bench-deploy"
HERE = Path(__file__).parent
# So long after its end, a change is blamed for what happens.
SETTLE_SECONDS = 6
WATCH_SECONDS = 5
SERVICES = "milkbot-analytics.service milkbot-dashboard.service"
PEER_SERVICES = [
    {"name": "milkbot-analytics", "url": "http://127.0.0.1:8000/v1/health"},
    {"name": "milkbot-dashboard", "url": "http://127.0.0.1:8501/_stcore/health"},
]


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@dataclass(slots=True)
class Bench:
    """The machine, and every way to change its version."""

    platform: Platform
    scratch: Path
    commits: int = 0

    def commit(self) -> str:
        self.commits += 1
        return self.platform.versions.commit(f"Version {self.commits}", {})

    def play(self, playbook: str, *options: str, **given: Any) -> None:
        done = self.platform.play(playbook, *options, systemd_watch_seconds=WATCH_SECONDS, **given)
        if done.returncode != 0:
            sys.exit(f"{playbook} left with {done.returncode}: {said(done)[-4000:]}")

    def measure(self, way: Way, change: Callable[[], None], watched: Callable[[], float] = lambda: 0.0) -> None:
        began = time.monotonic()
        change()
        ended = time.monotonic()
        time.sleep(SETTLE_SECONDS)
        way.runs.append(Run(began, ended, time.monotonic(), watched()))
        say(f"{way.name}: {ended - began:.1f} s")

    @contextmanager
    def load(self, *ways: Way) -> Iterator[None]:
        """What the requests and the dashboards see meanwhile is these ways' doing."""
        load = Load.start(self.platform)
        try:
            yield
        finally:
            seen = load.stop()
        for way in ways:
            way.take(seen)

    def ours(self, rounds: int) -> list[Way]:
        update, rollback = Way("`update.yml`"), Way("`rollback.yml --tags code`")

        def watch() -> float:
            return float(self.platform.record(self.platform.live())["durations"]["watch"])

        with self.load(update, rollback):
            for _ in range(rounds):
                commit = self.commit()
                self.measure(update, lambda commit=commit: self.play("update.yml", version=commit), watch)  # type: ignore[misc]
                self.measure(rollback, lambda: self.play("rollback.yml", "--tags", "code"))
        return [update, rollback]

    def restarts(self, rounds: int) -> list[Way]:
        restart = Way("`systemctl restart` of both services")
        with self.load(restart):
            for _ in range(rounds):
                self.forgive()
                self.measure(restart, lambda: self.on_host(f"systemctl restart {SERVICES}"))
        return [restart]

    def peer(self, rounds: int) -> list[Way]:
        deploy, rollback = Way("`deploy_helper`: deploy"), Way("`deploy_helper`: rollback")
        common = {
            "peer_repository": str(self.platform.versions.directory),
            "peer_paths": RELEASE_PATHS,
            "peer_services": PEER_SERVICES,
        }

        def play(name: str) -> None:
            self.play(str(HERE / name), peer_commit=self.commit(), **common)

        with self.back_to_ours("/opt/milkbot/peer"):
            play("peer_deploy.yml")
            with self.load(deploy, rollback):
                for _ in range(rounds):
                    self.forgive()
                    self.measure(deploy, lambda: play("peer_deploy.yml"))
                    self.measure(rollback, lambda: play("peer_rollback.yml"))
        return [deploy, rollback]

    def runbook(self, rounds: int) -> list[Way]:
        update, rollback = Way("the runbook's 9.1, typed"), Way("the runbook's 8.1, typed")
        config = run(VPS, "show", self.platform.machine, "--field", "ssh_config").strip()
        typed = self.scratch / "typed"
        typed.mkdir()
        (typed / "runbook.sh").write_bytes((HERE / "runbook.sh").read_bytes())
        repository = str(self.platform.versions.directory)
        for name in ("before", "after"):
            archive = f"--output={typed / name}.tar"
            run("git", "-C", repository, "archive", "--format=tar", archive, self.commit(), *RELEASE_PATHS)
        run("scp", "-rqF", config, str(typed), f"{self.platform.machine}:typed")

        def type_in(what: str, archive: str) -> None:
            self.on_host(f"bash /home/admin/typed/runbook.sh {what} /home/admin/typed/{archive}.tar")

        with self.back_to_ours("/opt/milkbot/runbook /home/admin/typed"):
            type_in("prepare", "before")
            with self.load(update, rollback):
                for _ in range(rounds):
                    self.forgive()
                    self.measure(update, lambda: type_in("update", "after"))
                    self.measure(rollback, lambda: type_in("rollback", "before"))
        return [update, rollback]

    def on_host(self, command: str) -> None:
        run(VPS, "ssh", self.platform.machine, command)

    def forgive(self) -> None:
        """Have systemd forget how often it has started the services: five times in a minute and a half is its limit."""
        self.on_host(f"systemctl reset-failed {SERVICES}")

    @contextmanager
    def back_to_ours(self, leftovers: str) -> Iterator[None]:
        """Whatever the link points to meanwhile, afterwards it is the release of now."""
        link = shlex.quote(self.platform.ssh("readlink /opt/milkbot/current"))
        try:
            yield
        finally:
            self.forgive()
            commands = (
                f"ln -sfn {link} /opt/milkbot/current.bench",
                "mv -T /opt/milkbot/current.bench /opt/milkbot/current",
                "systemctl start milkbot-analytics.socket milkbot-dashboard.socket milkbot-trader.timer",
                f"systemctl restart {SERVICES}",
                f"rm -rf {leftovers}",
            )
            self.on_host(" && ".join(commands))


def provision(directory: Path) -> Platform:
    """A machine that trades against the simulator, as the local inventory has it."""
    say(f"making the machine {MACHINE}")
    machine = fresh_machine(MACHINE, directory)
    given = {**variables(directory, "machine", "trading"), "simulator_history_days": 1}
    inventory = write_inventory(directory, MACHINE, machine, given)
    versions = Versions.clone(directory / "versions")
    say("provisioning it")
    run(PLAYBOOK, "-i", str(inventory), "site.yml", "-e", f"release_repository={versions.directory}")
    return Platform(MACHINE, machine["address"], directory / "tls/ca.pem", inventory, versions)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deploy.bench", description="see docs/performance.md")
    parser.add_argument("--rounds", type=int, default=20, help="updates, rollbacks and restarts")
    parser.add_argument("--peer-rounds", type=int, default=5, help="runs of each of the other ways")
    parser.add_argument("--machine", help="one of bin/vps that site.yml provisioned; else one is made")
    parser.add_argument("--inventory", type=Path, help="its inventory")
    parser.add_argument("--address", help="its address")
    parser.add_argument("--ca", type=Path, help="the authority of its certificate")
    given = parser.parse_args()
    about = (given.machine, given.inventory, given.address, given.ca)
    if any(about) and not all(about):
        parser.error("--machine, --inventory, --address and --ca belong together")
    if min(given.rounds, given.peer_rounds) < 1:
        parser.error("--rounds and --peer-rounds must be 1 or more")
    return given


def main() -> None:
    given = parse()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if given.machine:
            versions = Versions.clone(scratch / "versions")
            platform = Platform(given.machine, given.address, given.ca, given.inventory, versions)
        else:
            platform = provision(scratch)
        bench = Bench(platform, scratch)
        ways = bench.ours(given.rounds) + bench.restarts(given.rounds)
        ways += bench.peer(given.peer_rounds) + bench.runbook(given.peer_rounds)
    if not given.machine:
        destroy(MACHINE)
    release = run("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip()
    print(f"Release {release}; the watch of `update.yml` is {WATCH_SECONDS} s.\n")
    print(show_durations(ways), show_load(ways), sep="\n\n")


if __name__ == "__main__":
    main()
