"""Ansible module: the one lock of a host that site, update and rollback take."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: deploy_lock
short_description: Take, free or show the lock of the host's deploys
description:
  - The lock is a file with its owner in it, below C(/run), so that a reboot frees it. Every change happens under an
    exclusive lock of the kernel and by a rename, so a kill at any moment leaves it either taken, with its owner, or
    free.
  - Its action plugin of the same name fills in the owner, waits, and tells whether another owner is dead.
options:
  state: {description: What to do., type: str, choices: [held, free, shown], default: shown}
  path: {description: The lock's file., type: path, default: /run/lock/milkbot-deploy.json}
  owner: {description: Who takes or frees it; C(run) tells one run from another., type: dict}
  instead_of: {description: The run whose lock is taken over because it is known to be dead., type: str}
  force: {description: Free it whoever holds it., type: bool, default: false}
"""

RETURN = r"""
holder:
  description: Who holds the lock after this call; null when nobody does.
  returned: always
  type: dict
"""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep every other call of this module out for the moment. The guard stays: removing it would split the waiters."""
    guard = os.open(path.with_suffix(".guard"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
    finally:
        os.close(guard)


def holder_of(path: Path) -> dict[str, Any] | None:
    """Who holds it. A file that is no record of ours counts as held by somebody unknown, never as free."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {"run": "unknown"}
    return found if isinstance(found, dict) else {"run": "unknown"}


def write(path: Path, owner: dict[str, Any]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(owner, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def end_orphans(run: str) -> None:
    """Kill what a dead run left working here: what it began over ssh does not end with it.

    Every task of a run carries it in its environment. Killed like this, each converges when it is run again.
    """
    mark, mine = f"MILKBOT_RUN={run}".encode(), os.getpid()
    while True:
        found = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != mine]
        orphans = [int(entry.name) for entry in found if mark in environment_of(entry)]
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not orphans:
            return
        time.sleep(0.1)


def environment_of(process: Path) -> list[bytes]:
    """The variables that the process was started with; none once it has ended."""
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def act(module: AnsibleModule, path: Path) -> bool:
    """Do what is asked; returns whether the lock changed."""
    asked, owner = module.params, module.params["owner"] or {}
    holder = holder_of(path)
    if asked["state"] == "held":
        if holder is not None and holder["run"] not in (owner["run"], asked["instead_of"]):
            return False
        if not module.check_mode and holder != owner:
            if holder is not None and holder["run"] == asked["instead_of"]:
                end_orphans(holder["run"])
            write(path, owner)
        return holder != owner
    if asked["state"] == "free" and holder is not None and (asked["force"] or holder["run"] == owner.get("run")):
        if not module.check_mode:
            path.unlink()
        return True
    return False


def main() -> None:
    module = AnsibleModule(
        {
            "state": {"choices": ["held", "free", "shown"], "default": "shown"},
            "path": {"type": "path", "default": "/run/lock/milkbot-deploy.json"},
            "owner": {"type": "dict"},
            "instead_of": {"type": "str"},
            "force": {"type": "bool", "default": False},
        },
        required_if=[("state", "held", ["owner"])],
        supports_check_mode=True,
    )
    os.umask(0o022)
    path = Path(module.params["path"])
    with alone(path):
        changed = act(module, path)
        module.exit_json(changed=changed, holder=holder_of(path))


if __name__ == "__main__":
    main()
