"""Backup, drill and restore of a large ledger, compared with PostgreSQL's own commands and pgBackRest, under requests.

Run as root from the checkout: python -m tests.bench.backup.bench. Makes a machine of its own and fills its ledger, or
takes one that was filled before (--keep). Prints a table; nothing is asserted. Each method uses the same ledger, on the
same machine, while requests to the API go on; what these feel is compared with a minute in which nothing else is done.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.backup.ways import Machine, Ways
from tests.bench.machine import PLAYBOOK, VPS, destroy, fresh_machine, run, variables, write_inventory
from tests.deploy.platform import ROOT

MACHINE = "bench-backup"
BOOKS = Path(__file__).with_name("books.sql")


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def provision(directory: Path) -> None:
    """A machine that has no exchange: nothing but the bench writes its ledger."""
    machine = fresh_machine(MACHINE, directory)
    given = {**variables(directory, "machine"), "environment_trading_mode": "shadow", "simulator_enabled": False}
    inventory = write_inventory(directory, MACHINE, machine, given)
    commit = run("git", "rev-parse", "HEAD").strip()
    run(PLAYBOOK, "-i", str(inventory), "site.yml", "-e", f"release_commit={commit}", "-e", "pgbackrest_enabled=true")


def fill(machine: Machine, ticks: int) -> None:
    config = run(VPS, "show", machine.name, "--field", "ssh_config").strip()
    run("scp", "-qF", config, str(BOOKS), f"{machine.name}:books.sql")
    machine.sql(f"--dbname=milkbot --set=ticks={ticks} < /home/admin/books.sql")


def parse() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backup.bench", description="see docs/performance.md")
    parser.add_argument("--ticks", type=int, default=58_000, help="58,000 make about 5 GB")
    parser.add_argument("--only", nargs="+", choices=Ways.names(), metavar="WAY", help=f"of {', '.join(Ways.names())}")
    parser.add_argument("--keep", type=Path, help="leave the machine, and its authority there; or take that one")
    given = parser.parse_args()
    if given.ticks < 1:
        parser.error(f"--ticks is {given.ticks}; give 1 or more")
    return given, given.only or Ways.names()


def main() -> None:
    given, names = parse()
    with tempfile.TemporaryDirectory() as scratch:
        directory = given.keep or Path(scratch)
        if not (directory / "tls/ca.pem").exists():
            directory.mkdir(exist_ok=True)
            say(f"making the machine {MACHINE}")
            provision(directory)
            say(f"writing {given.ticks} ticks")
            fill(Machine.of(MACHINE, directory), given.ticks)
        machine = Machine.of(MACHINE, directory)
        ways = Ways(machine)
        ways.settle()
        size = machine.sql("-At -c \"SELECT pg_size_pretty(pg_database_size('milkbot'))\"")
        for name in names:
            say(name)
            say(ways.measure(name).line())
    if not given.keep:
        destroy(MACHINE)
    release = run("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip()
    print(f"Release {release}; a database of {size}.\n")
    print(ways.table())


if __name__ == "__main__":
    main()
