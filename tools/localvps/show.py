"""What programs and people read about machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localvps import machine as machines
from localvps import process, recipes, ssh

if TYPE_CHECKING:
    from localvps.config import Config
    from localvps.machine import Machine


def describe(config: Config, machine: Machine) -> dict[str, Any]:
    """Return all that is known of a machine; `root` is its disk as seen from this host, while it runs."""
    running = process.of(config, machine)
    # What boots a kernel of its own has a disk that only that kernel may mount.
    seen = not recipes.has_kernel(machine.image)
    return {
        "name": machine.name,
        "image": machine.image,
        "state": "running" if running else "stopped",
        "address": str(machine.address),
        "port": machines.SSH_PORT,
        "user": machines.LOGIN,
        "key": str(ssh.key_path(config)),
        "known_hosts": str(ssh.known_hosts_path(config)),
        "ssh_config": str(ssh.config_path(config)),
        "snapshots": [snapshot.name for snapshot in machine.snapshots],
        "directory": str(machine.directory),
        "console_log": str(machine.console_log),
        "pid": running.pid if running else None,
        "root": f"/proc/{running.pid}/root{machine.root}" if running and seen else None,
    }


def table(rows: list[list[str]]) -> str:
    """Lay rows out in columns."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)
