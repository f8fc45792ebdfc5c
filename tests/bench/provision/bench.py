"""site.yml on a fresh machine, and again, beside the runbook's commands typed in by a shell script on an equal one.

Run as root from the checkout: python -m tests.bench.provision.bench. Prints a table; nothing is asserted. Neither
machine makes a history: what is compared is the way from an empty machine to services that answer.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from tests.bench.provision.runbook_files import write_files
from tests.roles.rendering import ROOT

VPS = str(ROOT / "bin/vps")
MACHINE = "bench-provision"
RELEASE_PATHS = ("app", "pyproject.toml", "uv.lock", "README.md", "LICENSE")


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode != 0:
        sys.exit(f"{command[0]} left with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def _timed(*command: str, environment: dict[str, str] | None = None) -> float:
    begin = time.monotonic()
    _run(*command, environment=environment)
    return time.monotonic() - begin


def _fresh_machine(directory: Path) -> dict[str, Any]:
    """An empty machine, its secrets in `directory`/vars.yml."""
    subprocess.run([VPS, "destroy", MACHINE], check=False, capture_output=True)
    _run(VPS, "create", MACHINE, "--start")
    machine: dict[str, Any] = json.loads(_run(VPS, "show", MACHINE, "--json"))
    _run(VPS, "secrets", str(directory), "--address", machine["address"], "--vars", str(directory / "vars.yml"))
    return machine


def _variables(directory: Path) -> dict[str, Any]:
    """What both ways are given: no exchange is needed to answer, so none is asked for."""
    secrets = yaml.safe_load((directory / "vars.yml").read_text(encoding="utf-8"))
    small = yaml.safe_load((ROOT / "inventories/local/group_vars/all/machine.yml").read_text(encoding="utf-8"))
    return {**small, **secrets, "environment_trading_mode": "shadow", "simulator_enabled": False}


def _inventory(directory: Path, machine: dict[str, Any]) -> Path:
    host = {
        "ansible_host": machine["address"],
        "ansible_user": machine["user"],
        "ansible_ssh_private_key_file": machine["key"],
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={machine['known_hosts']} -o IdentitiesOnly=yes",
    }
    path = directory / "hosts.yml"
    group = {"hosts": {MACHINE: host}, "vars": _variables(directory)}
    path.write_text(yaml.safe_dump({"milkbot": group}), encoding="utf-8")
    return path


def measure_ansible(directory: Path, commit: str) -> tuple[float, float]:
    """Seconds of the first and of the second site.yml."""
    inventory = _inventory(directory, _fresh_machine(directory))
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [playbook, "-i", str(inventory), "site.yml", "-e", f"release_commit={commit}"]
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    return _timed(*command, environment=environment), _timed(*command, environment=environment)


def measure_runbook(directory: Path, commit: str) -> tuple[float, list[tuple[str, float]]]:
    """Seconds of the shell script, and of each of its steps."""
    machine = _fresh_machine(directory)
    variables = _variables(directory)
    typed = directory / "typed"
    (typed / "files").mkdir(parents=True)
    write_files(typed / "files", variables)
    _run("git", "archive", "--format=tar", f"--output={typed / 'milkbot.tar'}", commit, *RELEASE_PATHS)
    (typed / "runbook.sh").write_bytes((ROOT / "tests/bench/provision/runbook.sh").read_bytes())
    given = {"DOMAIN": variables["milkbot_domain"], "POSTGRES_PASSWORD": variables["environment_postgres_password"]}
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in given.items())
    (typed / "given").write_text(lines, encoding="utf-8")
    _run("scp", "-rqF", machine["ssh_config"], str(typed), f"{MACHINE}:typed")
    seconds = _timed(VPS, "ssh", MACHINE, "bash /home/admin/typed/runbook.sh")
    recorded = _run(VPS, "ssh", MACHINE, "cat /home/admin/typed/steps").splitlines()
    marks = [(float(line.split()[0]), line.split(maxsplit=1)[1]) for line in recorded]
    steps = [(name, after - at) for (at, name), (after, _) in pairwise(marks)]
    return seconds, steps


def main() -> None:
    commit = _run("git", "rev-parse", "HEAD").strip()
    with tempfile.TemporaryDirectory() as scratch:
        first, again = measure_ansible(Path(scratch, "ansible"), commit)
        typed, steps = measure_runbook(Path(scratch, "runbook"), commit)
    _run(VPS, "destroy", MACHINE)
    print("| way | seconds |\n|---|---:|")
    print(f"| `site.yml` on a fresh machine | {first:.1f} |")
    print(f"| `site.yml` again | {again:.1f} |")
    print(f"| the runbook's commands, typed by a script | {typed:.1f} |")
    for name, seconds in steps:
        print(f"| - {name} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
