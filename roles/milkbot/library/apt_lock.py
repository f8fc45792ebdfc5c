"""Ansible module: who works with the packages, and to wait until nobody does."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: apt_lock
short_description: Wait until no other program works with the packages
description:
  - Asks the kernel who holds the locks of apt and dpkg, and takes none itself.
options:
  files: {description: The locks., type: list, elements: path}
  wait: {description: Seconds until all must be free; with 0 it only reads., type: int, default: 0}
"""

RETURN = r"""
holder: {description: "Which process holds which; empty when all are free.", returned: always, type: str}
waited: {description: Seconds., returned: always, type: int}
"""

LOCKS = [
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
]
_PAUSE = 1.0
# struct flock: type, whence, start, length, process.
_FLOCK = "hhqqi4x"


def holder(files: list[str]) -> str:
    """Who holds the first one that is held."""
    for name in files:
        try:
            opened = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(opened, fcntl.F_GETLK, asked))
        finally:
            os.close(opened)
        if kind != fcntl.F_UNLCK:
            return f"{_command(pid)} (process {pid}) holds {name}"
    return ""


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a program"


def main() -> None:
    module = AnsibleModule(
        {
            "files": {"type": "list", "elements": "path", "default": LOCKS},
            "wait": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    files, began = module.params["files"], time.monotonic()
    found = holder(files)
    while found and time.monotonic() - began < module.params["wait"]:
        time.sleep(_PAUSE)
        found = holder(files)
    waited = int(time.monotonic() - began)
    if found and module.params["wait"]:
        fix = "wait until it has ended (ps, journalctl -u apt-daily-upgrade), then run this again"
        module.fail_json(msg=f"{found}, still after {waited} s: {fix}", holder=found, waited=waited)
    module.exit_json(changed=False, holder=found, waited=waited)


if __name__ == "__main__":
    main()
