"""Ansible module: whether point-in-time recovery is set up on a host, and whether its disk has room for it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: pgbackrest_room
short_description: Check whether point-in-time recovery fits on a host
description:
  - It fits where it is set up already, so that a disk that fills does not switch it off; else where the file system of
    the repository has C(minimum) free, and four times what the cluster takes. A repository with the backups of two
    weeks takes about once that; a restore builds a second cluster next to the running one, and a database from it.
options:
  repository: {description: Directory of the repository; it need not be there yet., type: path, required: true}
  config: {description: Settings that are there when it is set up., type: path, required: true}
  data: {description: The cluster's data directory; it need not be there yet., type: path, required: true}
  minimum: {description: Bytes that have to be free., type: int, required: true}
"""

RETURN = r"""
fits: {description: Whether it is set up or may be., type: bool, returned: success}
set_up: {description: Whether its settings are there., type: bool, returned: success}
free: {description: Bytes that are free for the repository., type: int, returned: success}
said: {description: "What is missing, in words; empty when nothing is.", type: str, returned: success}
"""

_TIMES = 4
_GB = 1_000_000_000


def existing(path: Path) -> Path:
    """The path, or the nearest directory above it that is there."""
    while not path.exists():
        path = path.parent
    return path


def taken(data: Path) -> int:
    """Bytes of all files below; one that is removed meanwhile counts nothing."""
    total = 0
    for directory, _, names in os.walk(data):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(directory, name).lstat().st_size
    return total


def judge(free: int, cluster: int, minimum: int) -> str:
    """What speaks against it; empty when nothing does. All in bytes."""
    need = max(minimum, _TIMES * cluster)
    if free >= need:
        return ""
    why = f"four times what the cluster takes ({cluster / _GB:.1f} GB)" if need > minimum else "the least for it"
    return f"the repository's file system has {free / _GB:.1f} GB free, and {need / _GB:.1f} GB are {why}"


def main() -> None:
    module = AnsibleModule(
        {
            "repository": {"type": "path", "required": True},
            "config": {"type": "path", "required": True},
            "data": {"type": "path", "required": True},
            "minimum": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    asked = module.params
    set_up = Path(asked["config"]).exists()
    free = shutil.disk_usage(existing(Path(asked["repository"]))).free
    said = judge(free, taken(Path(asked["data"])), asked["minimum"])
    module.exit_json(changed=False, fits=set_up or not said, set_up=set_up, free=free, said="" if set_up else said)


if __name__ == "__main__":
    main()
