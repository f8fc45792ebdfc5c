"""What this host must have; each lack is reported in one sentence with its fix."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from localvps.errors import VpsError
from localvps.run import succeeds

_PACKAGES = {
    "ip": "iproute2",
    "mke2fs": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "qemu-system-x86_64": "qemu-system-x86",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
}
_CAP_SYS_ADMIN, _CAP_NET_ADMIN = 21, 12


def require(*programs: str) -> None:
    """Raise VpsError that names every missing program's package."""
    missing = sorted({_PACKAGES.get(name, name) for name in programs if shutil.which(name) is None})
    if missing:
        raise VpsError(f"this host lacks {', '.join(missing)}: `apt-get install {' '.join(missing)}`")


def require_root() -> None:
    """Raise VpsError unless this process may mount and make network interfaces."""
    if os.geteuid() != 0:
        raise VpsError(f"needs root (this is uid {os.geteuid()}): run it with sudo")
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            for name, bit in (("CAP_SYS_ADMIN", _CAP_SYS_ADMIN), ("CAP_NET_ADMIN", _CAP_NET_ADMIN)):
                if not held >> bit & 1:
                    raise VpsError(f"root lacks {name} here: a container must be started as privileged for it")


def require_kernel(state_dir: Path) -> None:
    """Raise VpsError when the kernel has no cgroup v2, or cannot put an overlay on the directory."""
    built_in = "\toverlay\n" in Path("/proc/filesystems").read_text(encoding="utf-8")
    if not built_in and not succeeds(["modprobe", "overlay"]):
        raise VpsError("the kernel has no overlayfs: use one built with CONFIG_OVERLAY_FS (`modprobe overlay`)")
    cgroup_root()
    state_dir.mkdir(parents=True, exist_ok=True)
    if filesystem(state_dir) == "overlay":
        raise VpsError(
            f"{state_dir} lies on overlayfs, which cannot carry the machines' own:"
            " set MILKBOT_VPS_STATE_DIR to a directory on a disk (in a container: on a volume)"
        )


def filesystem(path: Path) -> str:
    """Return the type of the file system that a path lies on."""
    found, longest = "", -1
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4]
        # A later mount on the same point covers the earlier one.
        if path.resolve().is_relative_to(point) and len(point) >= longest:
            found, longest = rest.split()[0], len(point)
    return found


def cgroup_root() -> Path:
    """Return the mount point of cgroup v2 (also on a host that mixes it with v1)."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.startswith("cgroup2 "):
            return Path(fields.split()[4])
    raise VpsError("cgroup v2 is not mounted: `mount -t cgroup2 none /sys/fs/cgroup` (or boot with systemd)")


def has_systemd() -> bool:
    """Return whether systemd is this host's PID 1."""
    return Path("/run/systemd/system").is_dir()
