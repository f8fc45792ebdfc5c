"""Ansible module: the one lock of a host that site, update, rollback and restore take."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_lock import LOCK, alone, holder_of, may_take, provably_dead, take

DOCUMENTATION = r"""
module: deploy_lock
short_description: Take, free or show the lock of the host's deploys
description:
  - The lock is a file with its owner in it, below C(/run), so that a reboot frees it. Every change happens under an
    exclusive lock of the kernel and by a rename, so a kill at any moment leaves it either taken, with its owner, or
    free.
  - An owner that worked on the host itself, and whose process is gone, is dead, and loses it. Its action plugin of the
    same name fills in our owner, waits, and reports whether an owner on the control node is dead.
options:
  state: {description: What to do., type: str, choices: [held, free, shown], default: shown}
  path: {description: The lock's file., type: path, default: /run/lock/milkbot-deploy.json}
  owner: {description: Who takes or frees it; C(run) identifies the run., type: dict}
  instead_of: {description: The dead run whose lock passes to this one., type: str}
  force: {description: Free it whoever holds it., type: bool, default: false}
"""

RETURN = r"""
holder:
  description: Who holds the lock after this call; null when nobody does.
  returned: always
  type: dict
dead:
  description: Whether that owner worked on this host and is gone.
  returned: always
  type: bool
taken_from:
  description: The dead owner on this host that lost it by this call, if there was one.
  returned: always
  type: dict
"""


def act(module: AnsibleModule, path: Path) -> bool:
    """Do what is asked; returns whether the lock changed."""
    asked, owner = module.params, module.params["owner"] or {}
    holder = holder_of(path)
    if asked["state"] == "held":
        if not may_take(holder, owner["run"], asked["instead_of"]):
            return False
        if not module.check_mode and holder != owner:
            take(path, owner, holder)
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
            "path": {"type": "path", "default": str(LOCK)},
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
        before = holder_of(path)
        gone = before is not None and provably_dead(before)
        changed = act(module, path)
        holder = holder_of(path)
        module.exit_json(
            changed=changed,
            holder=holder,
            dead=holder is not None and provably_dead(holder),
            taken_from=before if gone and changed and module.params["state"] == "held" else None,
        )


if __name__ == "__main__":
    main()
