"""The disk of a machine: an image, frozen layers (snapshots), and one writable layer on top.

Every change moves directories first and the record last, so the next call repairs what a killed one left.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from localvps import files, seed
from localvps.errors import VpsError
from localvps.machine import Snapshot

if TYPE_CHECKING:
    from localvps.config import Config
    from localvps.machine import Machine

_TRASH = ".trash-"
_LAYER = "layer-"
_MAX_SNAPSHOTS = 40  # the mount call takes its whole option text in one page


def prepare(config: Config, machine: Machine) -> Machine:
    """Repair what a killed call left, make the writable layer, and return the machine as it is."""
    for trash in machine.directory.glob(f"{_TRASH}*"):
        files.remove_tree(trash)
    whole = []
    for snapshot in machine.snapshots:
        if not machine.layer(snapshot).is_dir():
            break
        whole.append(snapshot)
    if len(whole) != len(machine.snapshots):
        machine = machine.with_snapshots(tuple(whole))
        machine.save()
    known = {snapshot.directory for snapshot in machine.snapshots}
    for orphan in sorted(machine.directory.glob(f"{_LAYER}*")):
        if orphan.name in known:
            continue
        if machine.upper.is_dir():
            files.remove_tree(orphan)
        else:
            orphan.rename(machine.upper)  # it was frozen, but the record was never written
    if not machine.upper.is_dir():
        _new_upper(config, machine)
    machine.root.mkdir(exist_ok=True)
    work = machine.directory / "work"
    files.remove_tree(work)
    work.mkdir()
    return machine


def _new_upper(config: Config, machine: Machine) -> None:
    fresh = machine.directory / f"{_TRASH}{uuid.uuid4().hex}"
    fresh.mkdir(mode=0o755)
    if not machine.snapshots:
        seed.write(config, machine, fresh)
    fresh.rename(machine.upper)


def mount_options(machine: Machine) -> str:
    """Return overlayfs options, relative to the machine's directory; the newest layer comes first."""
    lower = [snapshot.directory for snapshot in reversed(machine.snapshots)]
    text = ":".join([*lower, str(machine.image_path / "rootfs")])
    # redirect_dir: a directory of a lower layer can be renamed, as on any disk.
    return f"lowerdir={text},upperdir=upper,workdir=work,redirect_dir=on,index=off,metacopy=off"


def freeze(machine: Machine, name: str) -> Machine:
    """Turn the writable layer of a stopped machine into a snapshot."""
    if any(snapshot.name == name for snapshot in machine.snapshots):
        raise VpsError(f"machine {machine.name} has a snapshot {name!r} already: choose another name")
    if len(machine.snapshots) >= _MAX_SNAPSHOTS:
        raise VpsError(f"machine {machine.name} has {_MAX_SNAPSHOTS} snapshots, the most there can be: reset it")
    snapshot = Snapshot(name, f"{_LAYER}{uuid.uuid4().hex[:8]}")
    machine.upper.rename(machine.layer(snapshot))
    frozen = machine.with_snapshots((*machine.snapshots, snapshot))
    frozen.save()
    return frozen


def rewind(machine: Machine, name: str | None) -> Machine:
    """Drop all that was written after a snapshot (None: since the image) from a stopped machine."""
    names = [snapshot.name for snapshot in machine.snapshots]
    if name is not None and name not in names:
        there = ", ".join(names) or "none"
        raise VpsError(f"machine {machine.name} has no snapshot {name!r}; it has: {there}")
    keep = 0 if name is None else names.index(name) + 1
    for doomed in (machine.upper, *(machine.layer(snapshot) for snapshot in machine.snapshots[keep:])):
        if doomed.is_dir():
            doomed.rename(machine.directory / f"{_TRASH}{uuid.uuid4().hex}")
    rewound = machine.with_snapshots(machine.snapshots[:keep])
    rewound.save()
    return rewound
