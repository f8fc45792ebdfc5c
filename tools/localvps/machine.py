"""A machine's record: what it stands on, its address, its snapshots. Kept as one JSON file."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from localvps import files
from localvps.errors import VpsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localvps.config import Config

LOGIN = "admin"
SSH_PORT = 22
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_FIXED = {"local": 10}  # the local VPS keeps its address, so that its inventory can be a static file
_FIRST_FREE = 11


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen layer: the directory holds what was written since the layer below it."""

    name: str
    directory: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine on disk; whether it runs is known by its process alone."""

    name: str
    image: str
    image_path: Path
    address: ipaddress.IPv4Address
    machine_id: str
    directory: Path
    snapshots: tuple[Snapshot, ...] = ()

    @property
    def hostname(self) -> str:
        return f"milkbot-{self.name}"

    @property
    def root(self) -> Path:
        """Where the layers are joined; seen only inside the machine's own mount namespace."""
        return self.directory / "root"

    @property
    def upper(self) -> Path:
        """The writable layer."""
        return self.directory / "upper"

    @property
    def console_log(self) -> Path:
        return self.directory / "console.log"

    def layer(self, snapshot: Snapshot) -> Path:
        return self.directory / snapshot.directory

    def save(self) -> None:
        """Store the record by rename."""
        snapshots = [[snapshot.name, snapshot.directory] for snapshot in self.snapshots]
        record = {
            "name": self.name,
            "image": self.image,
            "image_path": str(self.image_path),
            "address": str(self.address),
            "machine_id": self.machine_id,
            "snapshots": snapshots,
        }
        files.write_json(self.directory / "machine.json", record)

    def with_snapshots(self, snapshots: tuple[Snapshot, ...]) -> Machine:
        return replace(self, snapshots=snapshots)


def check_name(name: str) -> None:
    """Raise VpsError for a name that cannot be a host name."""
    if not _NAME.fullmatch(name):
        raise VpsError(f"{name!r} is no machine or snapshot name: use up to 40 of a-z, 0-9 and -, a letter first")


def find(config: Config, name: str) -> Machine | None:
    """Return the machine of that name, or None."""
    check_name(name)
    directory = config.machines_dir / name
    record = files.read_json(directory / "machine.json")
    if record is None:
        return None
    return Machine(
        name=record["name"],
        image=record["image"],
        image_path=Path(record["image_path"]),
        address=ipaddress.IPv4Address(record["address"]),
        machine_id=record["machine_id"],
        directory=directory,
        snapshots=tuple(Snapshot(*pair) for pair in record["snapshots"]),
    )


def get(config: Config, name: str) -> Machine:
    """Return the machine of that name; raises VpsError when there is none."""
    machine = find(config, name)
    if machine is None:
        raise VpsError(f"there is no machine {name!r}: `bin/vps create {name}`, or see `bin/vps list`")
    return machine


def everyone(config: Config) -> Iterator[Machine]:
    """Yield each machine, by name."""
    if not config.machines_dir.is_dir():
        return
    for path in sorted(config.machines_dir.iterdir()):
        if not path.name.startswith("."):
            machine = find(config, path.name)
            if machine is not None:
                yield machine


def free_address(config: Config, name: str) -> ipaddress.IPv4Address:
    """Return the address of a new machine; the caller holds the lock of the registry."""
    if name in _FIXED:
        return config.subnet[_FIXED[name]]
    taken = {machine.address for machine in everyone(config)}
    for offset in range(_FIRST_FREE, config.subnet.num_addresses - 1):
        if config.subnet[offset] not in taken:
            return config.subnet[offset]
    raise VpsError(f"no address is free in {config.subnet}: destroy a machine, or set MILKBOT_VPS_SUBNET")
