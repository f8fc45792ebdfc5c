"""Disks: room and inodes of each path that something of ours writes to, and the file that keeps room for a rescue."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.paths import RESERVE
from milkbot_hostcheck.row import Row, State, by_limits, ok, unknown, warn

PATHS = ("/", "/var/log", "/var/lib/postgresql", "/var/backups/milkbot")
_MB = 1024.0 * 1024.0
_OF_NO_MATTER = ("/dev", "/sys", "/proc", "/run", "/snap", "/boot/efi")
_REMEDIES = {
    "/": "find what grew: du -xh --max-depth=2 / | sort -h | tail",
    "/var/log": "find what grew: du -xh /var/log | sort -h | tail; journalctl --vacuum-size=500M",
    "/var/lib/postgresql": "find what grew: du -xh --max-depth=4 /var/lib/postgresql | sort -h | tail",
    "/var/backups/milkbot": "find what grew: du -xh /var/backups/milkbot | sort -h | tail; keep fewer",
}


@dataclass(frozen=True)
class Mount:
    """A line of df; sizes in kilobytes, or in inodes. What only root may use counts as used."""

    place: str
    total: int
    free: int
    percent: int

    def __str__(self) -> str:
        return f"{self.place}: {self.percent} % of {_size(self.total / 1024)} used, {_size(self.free / 1024)} free"


def mounts(facts: Collection, name: str) -> dict[str, Mount]:
    """What df says of the file systems that hold something of ours, by their places; `name` is of the answer."""
    found = {}
    for line in facts.text(name).splitlines()[1:]:
        fields = line.split(None, 6)
        if len(fields) < 7 or not (fields[2].isdigit() and fields[4].isdigit() and fields[5].endswith("%")):
            continue
        place = fields[6]
        if not any(place == top or place.startswith(f"{top}/") for top in _OF_NO_MATTER):
            found[place] = Mount(place, int(fields[2]), int(fields[4]), int(fields[5].rstrip("%")))
    return found


def room(mount: Mount, limits: Mapping[str, float], *, ours: bool = True) -> State:
    """By percent, and by bytes where the platform writes: 5 % of a large disk is much, and of a small one nothing."""
    free = mount.free / 1024 if ours else math.inf
    if mount.percent >= limits["disk_fail_percent"] or free < limits["disk_fail_free_mb"]:
        return State.FAIL
    warns = mount.percent >= limits["disk_warn_percent"] or free < limits["disk_warn_free_mb"]
    return State.WARN if warns else State.OK


def rows(host: Host) -> Iterator[Row]:
    space, inodes = (mounts(host.facts, name) for name in ("disk/space", "disk/inodes"))
    first: dict[str, str] = {}
    for path in PATHS:
        place = _mounted_at(path, space)
        if place is None:
            yield unknown(f"disk of {path}", host.facts.answer("disk/space").why(), f"df {path}")
        elif place in first:
            yield ok(f"disk of {path}", f"is on the disk of {first[place]}")
            yield ok(f"inodes {path}", f"are those of {first[place]}")
        else:
            first[place] = path
            yield _room(host, path, space[place])
            yield _inodes(host, path, inodes.get(place))
    yield _reserve()


def of_the_platform(places: Iterable[str]) -> set[str | None]:
    """The places of the file systems that the platform writes to."""
    return {_mounted_at(path, places) for path in PATHS}


def _mounted_at(path: str, places: Iterable[str]) -> str | None:
    """The place of the file system that holds the path."""
    above = {str(parent) for parent in (Path(path), *Path(path).parents)}
    return max(above.intersection(places), key=len, default=None)


def _room(host: Host, path: str, mount: Mount) -> Row:
    limits = host.settings.limits
    value = f"{mount.percent} % full, {_size(mount.free / 1024)} free"
    limit = (
        f"warns from {limits.disk_warn_percent:g} % or below {_size(limits.disk_warn_free_mb)}, "
        f"fails from {limits.disk_fail_percent:g} % or below {_size(limits.disk_fail_free_mb)}"
    )
    return Row(f"disk of {path}", room(mount, asdict(limits)), value, limit, _REMEDIES[path])


def _inodes(host: Host, path: str, mount: Mount | None) -> Row:
    limits, name = host.settings.limits, f"inodes {path}"
    if mount is None or mount.total == 0:
        return ok(name, "this file system counts none")
    limit = f"warns from {limits.inode_warn_percent:g} %, fails from {limits.inode_fail_percent:g} %"
    remedy = f"find where the files are: du -x --inodes --max-depth=3 {path} | sort -n | tail"
    bounds = (limits.inode_warn_percent, limits.inode_fail_percent)
    return by_limits(name, mount.percent, bounds, f"{mount.percent} % used", limit, remedy)


def _reserve() -> Row:
    remedy = "put it back when there is room: site.yml --tags backup"
    try:
        size = RESERVE.stat().st_blocks * 512 / _MB
    except OSError:
        return warn("reserve file", f"{RESERVE} is missing: a full disk leaves no room for a rescue", remedy, "present")
    if size <= 0:
        return warn("reserve file", f"{RESERVE} is empty: it keeps no room", remedy, "present")
    return ok("reserve file", f"keeps {_size(size)}", "present")


def _size(megabytes: float) -> str:
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"
