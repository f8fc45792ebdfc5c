"""Where the tool keeps its things, and on which network; every value can be set by one variable."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localvps.errors import VpsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MIN_PREFIX, _MAX_PREFIX = 16, 28
# Emulated by default: a cloud's machine may show a /dev/kvm by which guests hang, and no quick look tells.
ACCELERATORS = ("tcg", "kvm")
_MAX_BRIDGE = 8  # "vb-" + bridge + "-254" has to fit an interface name (15 characters)


@dataclass(frozen=True, slots=True)
class Config:
    """Directories, bridge and subnet of one family of machines."""

    cache_dir: Path
    state_dir: Path
    run_dir: Path
    bridge: str
    subnet: ipaddress.IPv4Network
    accelerator: str = ACCELERATORS[0]

    @property
    def images_dir(self) -> Path:
        return self.cache_dir / "images"

    def image_lock(self, name: str) -> Path:
        """The lock of an image, next to the images, which families of machines share."""
        return self.cache_dir / "locks" / name

    @property
    def machines_dir(self) -> Path:
        return self.state_dir / "machines"

    @property
    def ssh_dir(self) -> Path:
        return self.state_dir / "ssh"

    @property
    def locks_dir(self) -> Path:
        return self.state_dir / "locks"

    @property
    def gateway(self) -> ipaddress.IPv4Address:
        """The host's own address on the bridge."""
        return self.subnet[1]


def load(env: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration; raises VpsError naming the variable that is wrong."""
    bridge = env.get("MILKBOT_VPS_BRIDGE", "milkbot0")
    if not bridge.isalnum() or len(bridge) > _MAX_BRIDGE:
        raise VpsError(f"MILKBOT_VPS_BRIDGE={bridge!r}: use up to {_MAX_BRIDGE} letters and digits")
    text = env.get("MILKBOT_VPS_SUBNET", "10.83.0.0/24")
    try:
        subnet = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise VpsError(f"MILKBOT_VPS_SUBNET={text!r}: {error}; use a network such as 10.83.0.0/24") from None
    if not _MIN_PREFIX <= subnet.prefixlen <= _MAX_PREFIX:
        raise VpsError(f"MILKBOT_VPS_SUBNET={text!r}: use a prefix of /{_MIN_PREFIX} to /{_MAX_PREFIX}")
    accelerator = env.get("MILKBOT_VPS_ACCELERATOR", ACCELERATORS[0])
    if accelerator not in ACCELERATORS:
        raise VpsError(f"MILKBOT_VPS_ACCELERATOR={accelerator!r}: use one of {', '.join(ACCELERATORS)}")
    return Config(
        cache_dir=Path(env.get("MILKBOT_VPS_CACHE_DIR", "/var/cache/milkbot-vps")),
        state_dir=Path(env.get("MILKBOT_VPS_STATE_DIR", "/var/lib/milkbot-vps")),
        run_dir=Path("/run/milkbot-vps") / bridge,
        bridge=bridge,
        subnet=subnet,
        accelerator=accelerator,
    )
