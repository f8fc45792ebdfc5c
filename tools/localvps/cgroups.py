"""The control group of a machine: what holds all its processes, so that all can be ended at once."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from localvps import host
from localvps.errors import VpsError

_FAMILY = "milkbot-vps"
_POLL_SECONDS = 0.02
_EMPTY_SECONDS = 120.0


def path(name: str) -> Path:
    """Where the group of a machine is, whether it exists or not."""
    return host.cgroup_root() / _FAMILY / name


def make(name: str) -> Path:
    """Make a machine's group on a host without systemd (which would make one itself)."""
    group = path(name)
    try:
        group.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VpsError(f"cgroup {group} cannot be made ({error.strerror}): mount cgroup v2 writable") from None
    return group


def of(pid: int) -> Path:
    """Return the cgroup v2 directory of a process."""
    for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines():
        if line.startswith("0::"):
            return host.cgroup_root() / line.removeprefix("0::").lstrip("/")
    raise VpsError(f"process {pid} is in no cgroup v2: boot this host with the unified hierarchy")


def kill(group: Path) -> None:
    """End every process of the group at one moment, its subgroups included."""
    try:
        (group / "cgroup.kill").write_text("1", encoding="ascii")
    except FileNotFoundError:
        if group.is_dir():
            raise VpsError("the kernel cannot kill a cgroup: use Linux 5.14 or later") from None


def remove(group: Path) -> None:
    """Remove the groups below and the group itself, once its processes are gone."""
    deadline = time.monotonic() + _EMPTY_SECONDS
    while not _try_remove(group):
        if time.monotonic() > deadline:
            raise VpsError(f"cgroup {group} still holds processes: see {group}/cgroup.procs")
        time.sleep(_POLL_SECONDS)


def _try_remove(group: Path) -> bool:
    # os.walk passes over what vanishes meanwhile: systemd, where it runs, removes the same groups.
    below = [Path(directory) for directory, _, _ in os.walk(group, topdown=False)]
    for path in below:
        try:
            path.rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # busy: a process in it is still on its way out
            return False
    if group.parent.name == _FAMILY:
        with suppress(OSError):  # another machine's group is next to it
            group.parent.rmdir()
    return True
