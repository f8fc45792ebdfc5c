"""Ansible module: nginx goes over to the program that is on the disk now, without closing a connection."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: nginx_binary
short_description: Have nginx go over to the program that is on the disk now
description:
  - The old master starts the new one on its own sockets (nginx's own way, by signals); when the new one has written its
    number, the old one lets its connections end. When it does not come, the old one goes on.
options:
  pid_file: {description: Where nginx writes the number of its master., type: path, default: /run/nginx.pid}
  wait: {description: Seconds for the new master to come., type: int, default: 15}
"""

_PAUSE = 0.1
_STAYS = "nginx goes on with its old program"


def number(path: Path) -> int:
    """The process that the file names; 0 when it does not name one."""
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return 0


def main() -> None:
    module = AnsibleModule(
        {"pid_file": {"type": "path", "default": "/run/nginx.pid"}, "wait": {"type": "int", "default": 15}}
    )
    file = Path(module.params["pid_file"])
    old_file = file.with_name(file.name + ".oldbin")
    tried = subprocess.run(["nginx", "-t", "-q"], check=False, capture_output=True, text=True)  # noqa: S607
    if tried.returncode != 0:
        module.fail_json(msg=f"{_STAYS}: the new one refuses its files: {tried.stderr.strip()}")
    # What a killed run left: the old master still there, next to the new one.
    if left := number(old_file):
        with suppress(ProcessLookupError):
            os.kill(left, signal.SIGQUIT)
    old = number(file)
    if old == 0:
        module.fail_json(msg=f"{file} names no process; is nginx.service active?")
    os.kill(old, signal.SIGUSR2)
    deadline = time.monotonic() + module.params["wait"]
    while number(file) in (0, old) or number(old_file) != old:
        if time.monotonic() >= deadline:
            module.fail_json(msg=f"{_STAYS}: the new one did not come; see journalctl -u nginx")
        time.sleep(_PAUSE)
    new = number(file)
    # A master that cannot go on ends at once.
    time.sleep(1)
    if not Path(f"/proc/{new}").exists():
        module.fail_json(msg=f"{_STAYS}: the new one ended; see /var/log/nginx/error.log")
    os.kill(old, signal.SIGQUIT)
    module.exit_json(changed=True, before=old, after=new)


if __name__ == "__main__":
    main()
