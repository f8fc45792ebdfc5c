"""Disks that are full, broken, or may not be written."""

from __future__ import annotations

from collections.abc import Iterator

from milkbot_hostcheck import paths
from milkbot_hostcheck.checks.disks import mounts, of_the_platform, room
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import Diagnosis, judge
from milkbot_hostcheck.row import State

_MEGABYTE = 1 << 10
# PostgreSQL may start on a full disk, and then let nobody in.
_NO_ROOM = r"No space left on device|could not write init file"
_TELL_OF_IT = ("postgres/log", "postgres/answers")


@judge()
def disk_full(collection: Collection) -> Diagnosis | None:
    limits, found = collection.limits(), mounts(collection, "disk/space")
    ours = of_the_platform(found)
    judged = [(room(mount, limits, ours=place in ours), mount) for place, mount in found.items()]
    full = [mount for state, mount in judged if state is State.FAIL]
    nearly = [mount for state, mount in judged if state is State.WARN]
    if not nearly and not full:
        return None
    worst = max(full or nearly, key=lambda mount: mount.percent)
    said = [line for name in _TELL_OF_IT for line in collection.lines(name, _NO_ROOM)][-1:] if full else []
    stopped = collection.code("postgres/answers") in (1, 2, 3)
    start = f"systemctl start {paths.postgres_unit_of(collection.units())}"
    return Diagnosis(
        "disk-full",
        f"The disk of {worst.place} is {'full' if full else 'nearly full'}",
        (*(str(mount) for mount in (full or nearly)[:3]), *said),
        f"most of it: {_biggest(collection, worst.place)}",
        (
            *_room(collection, worst.place),
            f"du -xh --max-depth=2 {worst.place} | sort -h | tail -n 20   # then remove what grew",
            *([start] if full and stopped else []),
        ),
        serious=bool(full),
    )


def _biggest(collection: Collection, place: str) -> str:
    """The directories that hold most, each without those above it that say no more."""
    top = place.rstrip("/") + "/"
    sizes = []
    for line in collection.lines("disk/biggest"):
        size, _, path = line.partition("\t")
        if size.isdigit() and path.startswith(top) and path != top:
            sizes.append((int(size), path))
    sizes.sort(reverse=True)
    shown = [
        f"{path} {size // _MEGABYTE} MB"
        for size, path in sizes
        if not any(inner.startswith(f"{path}/") and below > size * 0.8 for below, inner in sizes)
    ]
    return ", ".join(shown[:4]) or "see disk/biggest.txt"


def _room(collection: Collection, place: str) -> Iterator[str]:
    """What gives room at once, and loses nothing that is needed."""
    if str(paths.RESERVE) in collection.text("backups/files") and str(paths.RESERVE).startswith(place):
        yield f"rm {paths.RESERVE}   # kept for this moment"
    if "/var/log".startswith(place):
        yield "journalctl --vacuum-size=100M"
    if "/var/cache/apt".startswith(place):
        yield "apt-get clean"


@judge()
def inodes_full(collection: Collection) -> Diagnosis | None:
    limit = collection.limit("inode_warn_percent")
    nearly = [
        mount for mount in mounts(collection, "disk/inodes").values() if mount.percent >= limit and mount.total > 0
    ]
    if not nearly:
        return None
    worst = max(nearly, key=lambda mount: mount.percent)
    full = worst.percent >= collection.limit("inode_fail_percent")
    return Diagnosis(
        "inodes-full",
        f"The disk of {worst.place} has {'no' if full else 'hardly any'} room for more files, whatever its bytes say",
        (f"{worst.place}: {worst.percent} % of {worst.total} inodes used, {worst.free} free",),
        "some program leaves small files and never removes them",
        (f"du -x --inodes --max-depth=4 {worst.place} | sort -n | tail -n 20   # then remove what grew",),
        serious=full,
    )


@judge()
def disk_errors(collection: Collection) -> Diagnosis | None:
    said = collection.lines(
        "journal/kernel-trouble", r"I/O error|EXT4-fs error|XFS .*corrupt|Remounting filesystem read-only"
    )
    if not said:
        return None
    return Diagnosis(
        "disk-errors",
        "The kernel tells of errors of a disk",
        tuple(said[-3:]),
        "the provider's volume fails, or its connection does",
        (
            "journalctl -k -n 100   # tell the provider",
            "/opt/milkbot/deployment/scripts/backup-database.sh daily   # then off this host",
        ),
    )


@judge("disk-errors")
def disk_read_only(collection: Collection) -> Diagnosis | None:
    for line in collection.lines("disk/mounts"):
        fields = line.split()
        if (
            len(fields) >= 4
            and fields[1] in ("/", "/var", "/opt", "/var/lib/postgresql")
            and "ro" in fields[3].split(",")
        ):
            return Diagnosis(
                "disk-read-only",
                f"{fields[1]} may not be written",
                (line,),
                "the kernel does this after an error of the disk, or somebody mounted it so",
                ("journalctl -k -n 100", f"mount -o remount,rw {fields[1]}"),
            )
    return None
