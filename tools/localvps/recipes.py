"""What is in each image: like a provider's, and nothing of ours."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from localvps.errors import VpsError

_COMMON = (
    "apt",
    "ca-certificates",
    "curl",
    "dbus",
    "gnupg",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    "libpam-systemd",
    "locales",
    "netbase",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "sudo",
    "systemd",
    "systemd-sysv",
    "tzdata",
    "vim-tiny",
)
# What a machine boots by itself needs beyond that, in QEMU: a kernel, and what finds and checks its disk.
_KERNEL = ("e2fsprogs", "initramfs-tools", "linux-image-cloud-amd64", "udev", "zstd")
_OF_KERNEL = "-kernel"
_REVISION = 2  # raised when the code in images.py starts to make a different image of the same recipe


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: distribution, suite, components, and the packages on top of the minimal system."""

    name: str
    distribution: str
    suite: str
    components: tuple[str, ...]
    packages: tuple[str, ...]

    @property
    def has_kernel(self) -> bool:
        """Whether its machines boot a kernel of their own, and not the host's."""
        return has_kernel(self.name)

    @property
    def system(self) -> str:
        """The system without the word for its kernel, such as `debian-12`."""
        return self.name.removesuffix(_OF_KERNEL)

    def digest(self, sources: str, trust: str) -> str:
        """Name of this recipe's outcome: the same inputs give the same twelve hexadecimal digits."""
        text = json.dumps([_REVISION, asdict(self), sources, trust], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _debian(version: int, suite: str, *, kernel: bool = False) -> Recipe:
    name = f"debian-{version}{_OF_KERNEL if kernel else ''}"
    return Recipe(name, "debian", suite, ("main",), tuple(sorted({*_COMMON, *(_KERNEL if kernel else ())})))


def _ubuntu(version: str, suite: str, *extra: str) -> Recipe:
    packages = tuple(sorted({*_COMMON, *extra}))
    return Recipe(f"ubuntu-{version}", "ubuntu", suite, ("main", "universe"), packages)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        _debian(12, "bookworm"),
        _debian(12, "bookworm", kernel=True),
        _debian(13, "trixie"),
        _ubuntu("22.04", "jammy"),
        _ubuntu("24.04", "noble"),
    )
}
DEFAULT = "debian-12"


def has_kernel(image: str) -> bool:
    """Whether machines of that image boot a kernel of their own, also of an image that has no recipe any more."""
    return image.endswith(_OF_KERNEL)


def find(name: str) -> Recipe:
    """Look a recipe up by name; raises VpsError that lists the names there are."""
    try:
        return RECIPES[name]
    except KeyError:
        raise VpsError(f"image {name!r} is unknown: choose one of {', '.join(RECIPES)}") from None
