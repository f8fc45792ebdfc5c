"""Disks: room and inodes of each path that something of ours writes to, and the file that keeps room for a rescue."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, State, by_limits, ok, unknown, warn

PATHS = ("/", "/var/log", "/var/lib/postgresql", "/var/backups/milkbot")
RESERVE = Path("/var/backups/milkbot/.reserve")
_MB = 1024.0 * 1024.0
_MENDS = {
    "/": "find what grew: du -xh --max-depth=2 / | sort -h | tail",
    "/var/log": "find what grew: du -xh /var/log | sort -h | tail; journalctl --vacuum-size=500M",
    "/var/lib/postgresql": "find what grew: du -xh --max-depth=4 /var/lib/postgresql | sort -h | tail",
    "/var/backups/milkbot": "find what grew: du -xh /var/backups/milkbot | sort -h | tail; keep fewer",
}


def rows(host: Host) -> Iterator[Row]:
    first: dict[int, str] = {}
    for path in PATHS:
        try:
            device = Path(path).stat().st_dev
            about = os.statvfs(path)
        except OSError as error:
            yield unknown(f"disk of {path}", str(error), f"ls -ld {path}")
            continue
        if device in first:
            yield ok(f"disk of {path}", f"is on the disk of {first[device]}")
            yield ok(f"inodes {path}", f"are those of {first[device]}")
            continue
        first[device] = path
        yield _room(host, path, about)
        yield _inodes(host, path, about)
    yield _reserve()


def _room(host: Host, path: str, about: os.statvfs_result) -> Row:
    """By percent and by bytes: 5 % of a large disk is much, and of a small one nothing."""
    limits, free = host.settings.limits, about.f_bavail * about.f_frsize / _MB
    # As df has it: root's reserve counts as used.
    used = 100.0 * (about.f_blocks - about.f_bfree) / max(1, about.f_blocks - about.f_bfree + about.f_bavail)
    value = f"{used:.0f} % full, {_size(free)} free"
    limit = (
        f"warns from {limits.disk_warn_percent:g} % or below {_size(limits.disk_warn_free_mb)}, "
        f"fails from {limits.disk_fail_percent:g} % or below {_size(limits.disk_fail_free_mb)}"
    )
    by_percent = by_limits("", used, (limits.disk_warn_percent, limits.disk_fail_percent), "", "", "").state
    by_bytes = by_limits("", -free, (-limits.disk_warn_free_mb, -limits.disk_fail_free_mb), "", "", "").state
    states = {by_percent, by_bytes}
    state = State.FAIL if State.FAIL in states else State.WARN if State.WARN in states else State.OK
    return Row(f"disk of {path}", state, value, limit, _MENDS[path])


def _inodes(host: Host, path: str, about: os.statvfs_result) -> Row:
    limits, name = host.settings.limits, f"inodes {path}"
    if about.f_files == 0:
        return ok(name, "this file system counts none")
    used = 100.0 * (about.f_files - about.f_ffree) / max(1, about.f_files - about.f_ffree + about.f_favail)
    limit = f"warns from {limits.inode_warn_percent:g} %, fails from {limits.inode_fail_percent:g} %"
    mend = f"find where the files are: du -x --inodes --max-depth=3 {path} | sort -n | tail"
    return by_limits(
        name, used, (limits.inode_warn_percent, limits.inode_fail_percent), f"{used:.0f} % used", limit, mend
    )


def _reserve() -> Row:
    mend = "put it back when there is room: site.yml --tags backup"
    try:
        size = RESERVE.stat().st_blocks * 512 / _MB
    except OSError:
        return warn("reserve file", f"{RESERVE} is missing: a full disk leaves no room for a rescue", mend, "present")
    if size <= 0:
        return warn("reserve file", f"{RESERVE} is empty: it keeps no room", mend, "present")
    return ok("reserve file", f"keeps {_size(size)}", "present")


def _size(megabytes: float) -> str:
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"
