"""Every way to save and to bring back the ledger, and what the API's visitors saw meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.machine import VPS, run
from tests.deploy.load import asking
from tests.deploy.platform import DOMAIN

SCRIPTS = "/opt/milkbot/deployment/scripts"
PLAIN = "/var/backups/milkbot/plain.sql.gz"
BESIDE = "/var/lib/postgresql/beside"
REQUESTS_PER_SECOND = 60.0
USUAL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of bin/vps, and how root's commands get there."""

    name: str
    address: str
    authority: Path

    @staticmethod
    def of(name: str, directory: Path) -> Machine:
        return Machine(name, run(VPS, "show", name, "--field", "address").strip(), directory / "tls/ca.pem")

    def ssh(self, command: str) -> str:
        return run(VPS, "ssh", self.name, f"cd / && {command}").strip()

    def sql(self, arguments: str) -> str:
        """What psql says, as postgres."""
        return self.ssh(f"runuser -u postgres -- psql -Xq -v ON_ERROR_STOP=1 {arguments}")

    def megabytes(self, path: str) -> str:
        return f"{int(self.ssh(f'du --summarize --block-size=1M {path} | cut -f1')):,}"


@dataclass(frozen=True, slots=True)
class Run:
    """One way: how long it took, what it made, and how many milliseconds the API's answers took meanwhile."""

    name: str
    seconds: float
    made: str
    milliseconds: list[float]
    failed: int

    def share(self, of_answers: float) -> float:
        """That share of the answers took no longer."""
        answers = sorted(self.milliseconds)
        return answers[int(of_answers * (len(answers) - 1))]

    def line(self) -> str:
        cells = [self.name, f"{self.seconds:.0f}", self.made, str(len(self.milliseconds)), str(self.failed)]
        return f"| {' | '.join([*cells, *(f'{self.share(part):.1f}' for part in (0.5, 0.99, 1))])} |"


@contextmanager
def foremost() -> Iterator[None]:
    """Visitors come from elsewhere: their asking takes nothing from the machine, and waits for nothing of it."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, -15)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@dataclass(slots=True)
class Ways:
    """All of them on one machine, in the order in which they need each other."""

    machine: Machine
    runs: list[Run] = field(default_factory=list)

    @staticmethod
    def names() -> list[str]:
        return list(_WAYS)

    def settle(self) -> None:
        """Nothing runs by the clock, and no WAL waits for the archive."""
        self.machine.ssh("systemctl stop 'milkbot-*.timer' cron.service")
        self.archived()

    def archived(self) -> None:
        waiting = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
        self.machine.sql('-c "SELECT pg_switch_wal()"')
        while self.machine.sql(f'-At -c "{waiting}"') != "0":
            time.sleep(1)

    def measure(self, name: str) -> Run:
        """One way, with requests all the while; nothing of the one before still runs."""
        shown, work = _WAYS[name]
        self.archived()
        self.machine.sql("-c CHECKPOINT")
        time.sleep(5)
        machine = self.machine
        with foremost(), asking(machine.address, DOMAIN, machine.authority, rate=REQUESTS_PER_SECOND) as answers:
            began = time.monotonic()
            made = work(machine)
            ended = time.monotonic()
        api = [answer for answer in answers.every if answer.path == "/health" and answer.sent < ended]
        failed = sum(bool(answer.failure) for answer in api)
        self.runs.append(Run(shown, ended - began, made, [answer.seconds * 1000 for answer in api], failed))
        return self.runs[-1]

    def table(self) -> str:
        head = "| way | seconds | made, MB | answers | failed | p50, ms | p99, ms | slowest, ms |"
        return "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|---:|", *(run.line() for run in self.runs)])


def _nothing(_machine: Machine) -> str:
    time.sleep(USUAL_SECONDS)
    return ""


def _backup(machine: Machine) -> str:
    return machine.megabytes(machine.ssh(f"{SCRIPTS}/backup-database.sh daily 2>/dev/null"))


def _plain_dump(machine: Machine) -> str:
    machine.ssh(f"bash -c 'set -o pipefail; runuser -u postgres -- pg_dump milkbot | gzip > {PLAIN}'")
    return machine.megabytes(PLAIN)


def _full(machine: Machine) -> str:
    machine.ssh(f"{SCRIPTS}/wal-backup.sh full 2>/dev/null")
    return machine.megabytes("/var/backups/milkbot-wal/backup/milkbot/latest/")


def _drill(machine: Machine) -> str:
    # As its timer starts it.
    machine.ssh("systemctl start milkbot-restore-drill.service")
    return ""


def _restore(machine: Machine) -> str:
    newest = machine.ssh("ls -t /var/backups/milkbot/daily/*.sql.gz | head -n 1")
    machine.ssh(f"{SCRIPTS}/restore-database.sh {newest} 2>/dev/null")
    return ""


def _plain_restore(machine: Machine) -> str:
    machine.ssh("runuser -u postgres -- createdb --owner=milkbot plain")
    machine.ssh(
        f"bash -c 'set -o pipefail; gunzip --stdout {PLAIN} | "
        "runuser -u postgres -- psql -Xq -v ON_ERROR_STOP=1 --dbname=plain >/dev/null'"
    )
    return ""


def _files_restore(machine: Machine) -> str:
    """pgBackRest's files next to the running cluster, and a server that has replayed what makes a database of them."""
    machine.ssh(f"install -d -o postgres -g postgres -m 0700 {BESIDE}")
    machine.ssh(
        f"runuser -u postgres -- pgbackrest --stanza=milkbot --pg1-path={BESIDE} --archive-mode=off --type=immediate "
        "--target-action=promote --log-level-console=warn restore"
    )
    options = (
        f"-c config_file=/etc/postgresql/15/main/postgresql.conf -c data_directory={BESIDE} -c port=5440 "
        f"-c unix_socket_directories={BESIDE} -c listen_addresses= -c archive_mode=off -c external_pid_file="
    )
    ctl = f"runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_ctl --pgdata={BESIDE} --silent"
    machine.ssh(f'{ctl} --wait --timeout=3600 --log={BESIDE}.log --options="{options}" start')
    asked = f'--host={BESIDE} --port=5440 -At -c "SELECT pg_is_in_recovery()"'
    while machine.sql(asked) != "f":
        time.sleep(0.2)
    return ""


_WAYS: dict[str, tuple[str, Callable[[Machine], str]]] = {
    "usual": ("nothing else", _nothing),
    "backup": ("`backup-database.sh daily`", _backup),
    "plain-dump": ("`pg_dump \\| gzip`", _plain_dump),
    "full": ("pgBackRest: `wal-backup.sh full`", _full),
    "drill": ("`restore-drill.sh`", _drill),
    "restore": ("`restore-database.sh`", _restore),
    "plain-restore": ("`createdb`, `gunzip \\| psql`", _plain_restore),
    "files-restore": ("pgBackRest: `restore`, and its server started", _files_restore),
    "again": ("nothing else, at the end", _nothing),
}
