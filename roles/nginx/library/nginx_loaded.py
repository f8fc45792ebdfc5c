"""Ansible module: nginx serves by the files that are on the disk now."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_loaded import (
    SHOW,
    nginx_read_at,
    nginx_reads,
    not_read_by_systemd,
    open_files,
    set_back,
    units,
    unread,
)

DOCUMENTATION = r"""
module: nginx_loaded
short_description: Have nginx serve by the files that are on the disk now
description:
  - Starts nginx, or reloads it when its workers began before a file, a certificate or a directory that it reads
    changed. Nothing is remembered from an earlier task or run.
  - Fails, and leaves what serves, when the whole configuration is not valid or the new workers do not come.
options:
  unit: {description: Its unit., type: str, default: nginx.service}
  rewritten: {description: "Files that check mode would have written.", type: list, elements: path, default: []}
  wait: {description: Seconds for the new workers to come., type: int, default: 30}
  open_files: {description: "Files that a worker has to be able to open, else it warns.", type: int, default: 0}
"""

RETURN = r"""
done: {description: "What was done, or would be, by unit.", returned: success, type: dict}
"""

_PAUSE = 0.05


class NginxError(Exception):
    """nginx could not be brought to read its files; what served goes on."""


def run(*command: str) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    if done.returncode != 0:
        raise NginxError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def look(unit: str) -> dict[str, str]:
    return units(run(*SHOW, unit))[0]


def workers_limits() -> Iterator[str]:
    """The limits of each worker that takes connections, as the kernel shows them."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            title = (process / "cmdline").read_bytes()
            if title.startswith(b"nginx: worker process") and b"shutting down" not in title:
                yield (process / "limits").read_text(encoding="ascii")


def bring(unit: str, verb: str, seconds: int) -> None:
    """Have it read its files, and wait until those who read them serve."""
    began = time.time()
    run("systemctl", verb, unit)
    deadline = time.monotonic() + seconds
    while nginx_read_at(look(unit)) < began - _PAUSE:
        if time.monotonic() >= deadline:
            raise NginxError(f"no new worker came within {seconds} seconds; see journalctl -u {unit} and its error log")
        time.sleep(_PAUSE)


def main() -> None:
    module = AnsibleModule(
        {
            "unit": {"type": "str", "default": "nginx.service"},
            "rewritten": {"type": "list", "elements": "path", "default": []},
            "wait": {"type": "int", "default": 30},
            "open_files": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    unit, what = asked["unit"], ""
    try:
        reads = nginx_reads(run("nginx", "-T", "-q"))
        known = look(unit)
        if not_read_by_systemd(known) and not module.check_mode:
            run("systemctl", "daemon-reload")
        new = sorted({*unread(reads, nginx_read_at(known)), *(asked["rewritten"] if module.check_mode else [])})
        if known["ActiveState"] not in ("active", "reloading"):
            what, verb = "started", "start"
        elif new:
            what, verb = f"reloaded for {', '.join(new)}", "reload"
        if what and not module.check_mode:
            set_back(reads)
            bring(unit, verb, asked["wait"])
        disabled = known["UnitFileState"] != "enabled"
        if disabled and not module.check_mode:
            run("systemctl", "--quiet", "enable", unit)
    except NginxError as error:
        module.fail_json(msg=f"nginx does not serve by its files, and what served goes on: {error}")
    allowed = min((open_files(limits) for limits in workers_limits()), default=asked["open_files"])
    if allowed < asked["open_files"] and not module.check_mode:
        # nginx itself says so in its log alone, and answers 500 once they are used up.
        module.warn(
            f"this machine lets a worker of nginx open {allowed} files and not {asked['open_files']}: "
            f"set nginx_worker_connections to {allowed // 2} at most, or raise the machine's own limit"
        )
    what = " and ".join(filter(None, [what, "enabled" if disabled else ""]))
    module.exit_json(changed=bool(what), done={unit: what} if what else {})


if __name__ == "__main__":
    main()
