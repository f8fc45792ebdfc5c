"""Machines with a kernel of their own: QEMU boots the image's kernel on a disk that the layers gave.

So limits of memory, tasks and processors hold, and what else a container's kernel does not let it do: BPF, audit,
kernel settings and modules. Emulated by software it is 10 to 20 times slower than the host.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from localvps import network
from localvps.errors import VpsError

if TYPE_CHECKING:
    from localvps.config import Config
    from localvps.machine import Machine

PROGRAMS = ("qemu-system-x86_64", "mke2fs", "ip")
DISK = "disk.img"
_BOOT = Path(__file__).with_name("boot-kernel.sh")
_PROCESSORS = 2
_MEMORY = "4G"
# A processor's own instructions by KVM; all that QEMU can emulate without.
_ACCELERATED = {
    "tcg": ("-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "max"),
    "kvm": ("-accel", "kvm", "-cpu", "host"),
}


def has_disk(machine: Machine) -> bool:
    """Whether the machine booted its own kernel before, so that what it wrote is on the disk of that kernel."""
    layers = (machine.upper, *(machine.layer(snapshot) for snapshot in machine.snapshots))
    return any((layer / DISK).exists() for layer in layers)


def command(config: Config, machine: Machine, cgroup: str, overlay: str) -> list[str]:
    """Return the command line that runs the machine in the foreground, in the machine's directory.

    The disk is part of the writable layer, so that snapshots and resets take it along; a new layer begins with the
    disk of the newest snapshot.
    """
    boot = machine.image_path / "rootfs/boot"
    kernels = sorted(boot.glob("vmlinuz-*"))
    if not kernels:
        raise VpsError(f"{boot} has no kernel: `bin/vps image remove {machine.image}`, and build it again")
    kernel = kernels[-1]
    initrd = boot / kernel.name.replace("vmlinuz", "initrd.img")
    below = f"{machine.snapshots[-1].directory}/{DISK}" if machine.snapshots else "-"
    cable = network.cable(config, machine.address).name
    hardware = "02:4e:" + ":".join(f"{byte:02x}" for byte in machine.address.packed)
    return [
        *(str(_BOOT), cgroup, overlay, below, config.bridge, cable),
        *("-name", machine.hostname),
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *_ACCELERATED[config.accelerator],
        *("-smp", str(_PROCESSORS), "-m", _MEMORY, "-device", "virtio-rng-pci"),
        # Nothing waits for the host's disk: as with a container, what the host's page cache has survives a power cut.
        *("-drive", f"file=upper/{DISK},format=raw,if=virtio,cache=unsafe,discard=unmap,detect-zeroes=unmap"),
        *("-netdev", f"tap,id=cable,ifname={cable},script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=cable,mac={hardware}"),
        *("-chardev", "file,id=console,path=/dev/stderr,append=on", "-serial", "chardev:console"),
        *("-monitor", "stdio", "-kernel", str(kernel), "-initrd", str(initrd)),
        *("-append", "root=/dev/vda rw console=ttyS0 quiet panic=1"),
    ]
