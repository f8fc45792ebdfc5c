"""What can be done to a machine. Every call may be repeated, and calls may run side by side."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from localvps import emulator, files, host, images, layers, network, process, recipes, ssh
from localvps import machine as machines
from localvps.errors import VpsError, say
from localvps.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localvps.config import Config

BOOT_SECONDS = 600.0  # it ends what hangs; a machine that died is noticed at once
_NEW = ".new-"


@contextmanager
def _alone(config: Config, name: str) -> Iterator[None]:
    machines.check_name(name)
    with files.lock(config.locks_dir / f"machine-{name}", f"machine {name}"):
        yield


@contextmanager
def _registry(config: Config) -> Iterator[None]:
    """Hold what all machines share: addresses, the network, the files of the ssh client."""
    with files.lock(config.locks_dir / "registry", "the machines' network"):
        yield


def create(config: Config, name: str, image_name: str) -> Machine:
    """Make a machine, stopped; one that exists on the same image is left as it is."""
    machines.check_name(name)
    host.require_kernel(config.state_dir)
    image = images.ensure(config, image_name)
    ssh.ensure_key(config)
    with _alone(config, name), _registry(config):
        there = machines.find(config, name)
        if there is not None:
            if there.image != image_name:
                raise VpsError(
                    f"machine {name} stands on {there.image}, not {image_name}: `bin/vps destroy {name}` first"
                )
            return there
        staging = config.machines_dir / f"{_NEW}{name}"
        files.remove_tree(staging)
        staging.mkdir(parents=True, mode=0o700)
        machine = Machine(
            name=name,
            image=image_name,
            image_path=image.path,
            address=machines.free_address(config, name),
            machine_id=uuid.uuid4().hex,
            directory=staging,
        )
        ssh.make_host_keys(machine)
        machine.save()
        staging.rename(config.machines_dir / name)
        ssh.write_client_files(config)
        images.remove_outdated(config, image, {machine.image_path for machine in machines.everyone(config)})
    say(f"{name}: created on {image_name}, address {machine.address}")
    return machines.get(config, name)


def running(config: Config, name: str) -> Machine:
    """Return a machine that runs; raises VpsError otherwise."""
    machine = machines.get(config, name)
    if process.of(config, machine) is None:
        raise VpsError(f"machine {name} is stopped: `bin/vps start {name}`")
    return machine


def start(config: Config, name: str, *, as_container: bool = False) -> Machine:
    """Boot a machine unless it runs; does not wait for it (see ready.wait).

    `as_container` runs a machine that has a kernel of its own on the host's, which is only possible before it first
    boots its own: the disk that it then gets is what the container left.
    """
    with _alone(config, name):
        return _start(config, machines.get(config, name), as_container=as_container)


def _start(config: Config, machine: Machine, *, as_container: bool = False) -> Machine:
    if process.of(config, machine) is not None:
        return machine
    kernel = recipes.has_kernel(machine.image) and not as_container
    host.require(*(emulator.PROGRAMS if kernel else ("systemd-nspawn",)), "unshare", "mount")
    if as_container and emulator.has_disk(machine):
        raise VpsError(
            f"machine {machine.name} has booted its own kernel, and its disk is that kernel's: "
            f"`bin/vps start {machine.name}`, or `bin/vps reset {machine.name}` first"
        )
    if not (machine.image_path / "rootfs").is_dir():
        raise VpsError(f"image {machine.image_path} of machine {machine.name} is gone: destroy and create it again")
    process.kill(config, machine)  # leftovers of one that died on its own
    machine = layers.prepare(config, machine)
    with _registry(config):
        try:
            network.up(config)
            process.start(config, machine, kernel=kernel)
        except VpsError:
            _release_network(config)
            raise
    say(f"{machine.name}: started at {machine.address}")
    return machine


def _halt(config: Config, machine: Machine, *, cut: bool) -> bool:
    """Stop a machine or cut its power; returns whether it ran. The last one takes the network along."""
    running = process.of(config, machine) is not None
    (process.kill if cut else process.stop)(config, machine)
    with _registry(config):
        _release_network(config)
    return running


def _release_network(config: Config) -> None:
    for machine in machines.everyone(config):
        if process.of(config, machine) is not None:
            return
    network.down(config)


def stop(config: Config, name: str, *, cut: bool = False) -> None:
    """Stop a machine, or cut its power."""
    with _alone(config, name):
        if _halt(config, machines.get(config, name), cut=cut):
            say(f"{name}: {'power cut' if cut else 'stopped'}")


def snapshot(config: Config, name: str, snapshot_name: str) -> bool:
    """Freeze the disk under a name; a running machine is shut down for it and booted again (True)."""
    machines.check_name(snapshot_name)
    with _alone(config, name):
        machine = machines.get(config, name)
        running = _halt(config, machine, cut=False)
        machine = layers.freeze(layers.prepare(config, machine), snapshot_name)
        say(f"{name}: snapshot {snapshot_name} taken")
        if running:
            _start(config, machine)
        return running


def reset(config: Config, name: str, snapshot_name: str | None) -> bool:
    """Go back to a snapshot, or to the image; a running machine is booted again (True)."""
    with _alone(config, name):
        machine = machines.get(config, name)
        known = {snapshot.name for snapshot in machine.snapshots}
        running = (snapshot_name is None or snapshot_name in known) and _halt(config, machine, cut=True)
        machine = layers.rewind(machine, snapshot_name)
        layers.prepare(config, machine)
        say(f"{name}: back at {snapshot_name or 'the image'}")
        if running:
            _start(config, machine)
        return running


def destroy(config: Config, name: str) -> None:
    """Remove a machine with all that it has; one that does not exist is no error."""
    with _alone(config, name):
        machine = machines.find(config, name)
        if machine is not None:
            _halt(config, machine, cut=True)
            with _registry(config):
                doomed = config.machines_dir / f"{_NEW}{name}"
                files.remove_tree(doomed)
                machine.directory.rename(doomed)
                ssh.write_client_files(config)
            files.remove_tree(doomed)
            say(f"{name}: destroyed")
        with _registry(config):
            _release_network(config)
