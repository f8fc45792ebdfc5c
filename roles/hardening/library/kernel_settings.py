"""Ansible module: settings of the kernel, in its file and in effect, as far as this host lets anybody set them."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: kernel_settings
short_description: Have the kernel run with settings
description:
  - Compares what the kernel runs with, not what a file says, and sets what differs. What this kernel has not, or does
    not let this host set (a container's root may set those of its network alone), is left and named.
options:
  settings: {description: Values by the name that sysctl has for them., type: dict, required: true}
  top: {description: Where the kernel shows them., type: path, default: /proc/sys}
"""

RETURN = r"""
left: {description: "Settings that cannot be set here, each with the reason.", returned: always, type: dict}
done: {description: "What was set, by its name.", returned: always, type: dict}
"""


def _set(path: Path, value: str) -> str:
    """Write it; returns why that is impossible here, and nothing otherwise."""
    try:
        path.write_text(f"{value}\n", encoding="utf-8")
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            return "not this host's to set: it is a container, or its kernel is locked"
        raise
    return ""


def main() -> None:
    module = AnsibleModule(
        {"settings": {"type": "dict", "required": True}, "top": {"type": "path", "default": "/proc/sys"}},
        supports_check_mode=True,
    )
    wanted: dict[str, Any] = module.params["settings"]
    left, done = {}, {}
    try:
        for name, value in wanted.items():
            path = Path(module.params["top"]) / name.replace(".", "/")
            if not path.exists():
                left[name] = "this kernel has it not"
                continue
            before = " ".join(path.read_text(encoding="utf-8").split())
            if before == str(value):
                continue
            # Whether it can be set shows only where it is tried: with the value that it has, nothing changes.
            if why := _set(path, before if module.check_mode else str(value)):
                left[name] = why
            else:
                done[name] = f"set from {before} to {value}"
    except OSError as error:
        module.fail_json(msg=f"{name}: {error}")
    module.exit_json(changed=bool(done), done=done, left=left)


if __name__ == "__main__":
    main()
