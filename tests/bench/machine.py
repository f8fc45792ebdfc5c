"""What the benches share: an empty machine, its variables, and an inventory of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from tests.roles.rendering import ROOT

VPS = str(ROOT / "bin/vps")
PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
RELEASE_PATHS = ("app", "pyproject.toml", "uv.lock", "LICENSE")


def run(*command: str) -> str:
    """Standard output of a command that has to succeed; else the bench ends here."""
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode != 0:
        sys.exit(f"{command[0]} left with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def timed(*command: str) -> float:
    begin = time.monotonic()
    run(*command)
    return time.monotonic() - begin


def fresh_machine(name: str, directory: Path) -> dict[str, Any]:
    """An empty machine, its secrets in `directory`/vars.yml."""
    destroy(name)
    run(VPS, "create", name, "--start")
    machine: dict[str, Any] = json.loads(run(VPS, "show", name, "--json"))
    run(VPS, "secrets", str(directory), "--address", machine["address"], "--vars", str(directory / "vars.yml"))
    return machine


def destroy(name: str) -> None:
    subprocess.run([VPS, "destroy", name], check=False, capture_output=True)


def variables(directory: Path, *inventory: str) -> dict[str, Any]:
    """The machine's secrets, on top of what the local inventory says of the named subjects."""
    found: dict[str, Any] = {}
    for subject in inventory:
        path = ROOT / "inventories/local/group_vars/all" / f"{subject}.yml"
        found |= yaml.safe_load(path.read_text(encoding="utf-8"))
    found |= yaml.safe_load((directory / "vars.yml").read_text(encoding="utf-8"))
    return found


def write_inventory(directory: Path, name: str, machine: dict[str, Any], given: dict[str, Any]) -> Path:
    host = {
        "ansible_host": machine["address"],
        "ansible_user": machine["user"],
        "ansible_ssh_private_key_file": machine["key"],
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={machine['known_hosts']} -o IdentitiesOnly=yes",
    }
    path = directory / "hosts.yml"
    path.write_text(yaml.safe_dump({"milkbot": {"hosts": {name: host}, "vars": given}}), encoding="utf-8")
    return path
