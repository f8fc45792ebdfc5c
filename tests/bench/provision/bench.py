"""site.yml on a fresh machine, and again, compared with the runbook's commands, typed by a script.

Run as root from the checkout: python -m tests.bench.provision.bench. Prints a table; nothing is asserted. Neither
machine makes a history: what is compared is the way from an empty machine to services that answer.
"""

from __future__ import annotations

import shlex
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.bench.machine import (
    PLAYBOOK,
    RELEASE_PATHS,
    VPS,
    destroy,
    fresh_machine,
    run,
    timed,
    variables,
    write_inventory,
)
from tests.bench.provision.runbook_files import write_files
from tests.roles.rendering import ROOT

MACHINE = "bench-provision"


def _variables(directory: Path) -> dict[str, Any]:
    """What both ways are given: no exchange is needed to answer, so none is asked for."""
    return {**variables(directory, "machine"), "environment_trading_mode": "shadow", "simulator_enabled": False}


def measure_ansible(directory: Path, commit: str) -> tuple[float, float]:
    """Seconds of the first and of the second site.yml."""
    machine = fresh_machine(MACHINE, directory)
    inventory = write_inventory(directory, MACHINE, machine, _variables(directory))
    command = [PLAYBOOK, "-i", str(inventory), "site.yml", "-e", f"release_commit={commit}"]
    return timed(*command), timed(*command)


def measure_runbook(directory: Path, commit: str) -> tuple[float, list[tuple[str, float]]]:
    """Seconds of the shell script, and of each of its steps."""
    machine = fresh_machine(MACHINE, directory)
    given = _variables(directory)
    typed = directory / "typed"
    (typed / "files").mkdir(parents=True)
    write_files(typed / "files", given)
    run("git", "archive", "--format=tar", f"--output={typed / 'milkbot.tar'}", commit, *RELEASE_PATHS)
    (typed / "runbook.sh").write_bytes((ROOT / "tests/bench/provision/runbook.sh").read_bytes())
    named = {"DOMAIN": given["milkbot_domain"], "POSTGRES_PASSWORD": given["environment_postgres_password"]}
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in named.items())
    (typed / "given").write_text(lines, encoding="utf-8")
    run("scp", "-rqF", machine["ssh_config"], str(typed), f"{MACHINE}:typed")
    seconds = timed(VPS, "ssh", MACHINE, "bash /home/admin/typed/runbook.sh")
    recorded = run(VPS, "ssh", MACHINE, "cat /home/admin/typed/steps").splitlines()
    marks = [(float(line.split()[0]), line.split(maxsplit=1)[1]) for line in recorded]
    steps = [(name, after - at) for (at, name), (after, _) in pairwise(marks)]
    return seconds, steps


def main() -> None:
    commit = run("git", "rev-parse", "HEAD").strip()
    with tempfile.TemporaryDirectory() as scratch:
        first, again = measure_ansible(Path(scratch, "ansible"), commit)
        typed, steps = measure_runbook(Path(scratch, "runbook"), commit)
    destroy(MACHINE)
    print("| way | seconds |\n|---|---:|")
    print(f"| `site.yml` on a fresh machine | {first:.1f} |")
    print(f"| `site.yml` again | {again:.1f} |")
    print(f"| the runbook's commands, typed by a script | {typed:.1f} |")
    for name, seconds in steps:
        print(f"| - {name} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
