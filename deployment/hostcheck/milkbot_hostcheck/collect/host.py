"""Disk, memory, clock, processes, packages, the kernel."""

from __future__ import annotations

import time
from pathlib import Path

from milkbot_hostcheck.asking import Ask, Look, Question

_DU = ["nice", "-n", "19", "du", "-xk", "--max-depth=3"]
# Disks of this machine. One that comes by a network may hang, and is not this machine's to clear.
_LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "overlay", "tmpfs"}
_NO_DISK = ("/dev", "/sys", "/proc", "/run", "/snap")
_UPGRADES = ["apt", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "list", "--upgradable"]
_PS = ["ps", "-eo", "pid,ppid,user:20,stat,etimes,rss,pcpu,args", "--sort=-rss"]


def questions() -> list[Question]:
    return [
        Ask("disk/all-directories", [*_DU, *_disks()], 25, 4_000_000),
        Ask("host/upgrades", _UPGRADES, 20),
        Ask("disk/space", ["df", "-kPT"], 5),
        Ask("disk/inodes", ["df", "-iPT"], 5),
        Look("disk/mounts", lambda: _proc("mounts")),
        Ask("disk/log-files", ["ls", "-laS", "/var/log", "/var/log/milkbot", "/var/log/postgresql", "/var/log/nginx"]),
        Look("memory/meminfo", lambda: _proc("meminfo")),
        Look(
            "memory/pressure",
            lambda: "".join(f"{name}: {_proc(f'pressure/{name}')}" for name in ("cpu", "memory", "io")),
        ),
        Look("memory/control-groups", _memory_events),
        Look("host/load", lambda: _proc("loadavg")),
        Ask("host/processes", _PS),
        Look("host/release", lambda: Path("/etc/os-release").read_text("utf-8")),
        Ask("host/kernel", ["uname", "-a"]),
        Ask("host/virtualization", ["systemd-detect-virt"]),
        Look("host/uptime", lambda: _proc("uptime")),
        Look("clock/now", lambda: time.strftime("%Y-%m-%d %H:%M:%S UTC\n", time.gmtime())),
        Ask("clock/synchronisation", ["timedatectl", "show"]),
        Ask("clock/chrony", ["chronyc", "-c", "-n", "tracking"], 5),
        Ask("host/packages", ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev} ${Package} ${Version}\n"]),
        Ask("host/unfinished-packages", ["dpkg", "--audit"]),
        Look("host/reboot-required", lambda: "yes\n" if Path("/run/reboot-required").exists() else "no\n"),
        Ask("host/logins", ["last", "-n", "20", "-w"]),
    ]


def _disks() -> list[str]:
    """Where the disks of this machine are mounted."""
    mounted = (line.split() for line in _proc("mounts").splitlines())
    return sorted({place for _, place, kind, *_ in mounted if kind in _LOCAL and not place.startswith(_NO_DISK)})


def _proc(name: str) -> str:
    return Path("/proc", name).read_text("utf-8")


def _memory_events() -> str:
    """How often the kernel killed within each of our units since it began."""
    lines = []
    for path in sorted(Path("/sys/fs/cgroup/system.slice").glob("*/memory.events")):
        events = " ".join(path.read_text("ascii").split())
        if not events.endswith("oom_kill 0") and "oom_kill 0 " not in events:
            lines.append(f"{path.parent.name}: {events}")
    return "\n".join(lines) + "\n"
