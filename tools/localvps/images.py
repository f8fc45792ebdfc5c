"""Images: built once by mmdebstrap under a temporary name, renamed when whole, then shared read-only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localvps import files, host, keyrings, mirrors, recipes, trust
from localvps.errors import VpsError, say
from localvps.run import run

if TYPE_CHECKING:
    from localvps.config import Config
    from localvps.recipes import Recipe

_BUILDING = ".building-"
_LOGIN = "admin"
# As some providers' images have them: a role that wants them has to enable them. What they start is held back by
# seed.py, so that a disposable machine begins no package work of its own in the middle of a test.
_DISABLED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer")


@dataclass(frozen=True, slots=True)
class Image:
    """A finished image: its recipe's name and the directory that holds its root file system."""

    name: str
    path: Path

    @property
    def root(self) -> Path:
        return self.path / "rootfs"


def existing(config: Config) -> list[Image]:
    """Return the images that are ready for use, by name."""
    if not config.images_dir.is_dir():
        return []
    found = [path for path in config.images_dir.iterdir() if not path.name.startswith(".")]
    return [Image(path.name.rpartition("-")[0], path) for path in sorted(found)]


def expected(config: Config, recipe: Recipe) -> Image:
    """Return the image that the recipe, the mirrors and the host's trust give today."""
    digest = recipe.digest(mirrors.sources(recipe), trust.host_certificates())
    return Image(recipe.name, config.images_dir / f"{recipe.name}-{digest}")


def ensure(config: Config, name: str) -> Image:
    """Return the image, building it when it is missing."""
    recipe = recipes.find(name)
    image = expected(config, recipe)
    if image.path.is_dir():
        return image
    with files.lock(config.image_lock(name), f"image {name}"):
        if not image.path.is_dir():
            _build(config, recipe, image)
    return image


def _build(config: Config, recipe: Recipe, image: Image) -> None:
    host.require("mmdebstrap", "unshare", "chroot")
    mirrors.check(recipe)
    base, _ = mirrors.mirror(recipe.distribution)
    keyring = keyrings.find(recipe.distribution)
    config.images_dir.mkdir(parents=True, exist_ok=True)
    for stale in config.images_dir.glob(f"{_BUILDING}{recipe.name}-*"):
        files.remove_tree(stale)
    building = config.images_dir / f"{_BUILDING}{image.path.name}"
    building.mkdir(mode=0o755)
    root = building / "rootfs"
    say(f"image {recipe.name}: building from {base} (about half a minute)")
    # A mount namespace of its own: whatever kills the build, no mount of it remains on the host.
    run(
        [
            *("unshare", "--mount", "--propagation", "private", "--"),
            *("mmdebstrap", "--mode=root", "--variant=minbase", f"--keyring={keyring}"),
            *(f"--include={','.join(recipe.packages)}", recipe.suite, root, "-"),
        ],
        stdin=mirrors.sources(recipe),
    )
    _finish(root)
    os.sync()  # the rename below must not reach the disk before the files do
    building.rename(image.path)
    say(f"image {recipe.name}: ready in {image.path}")


def _finish(root: Path) -> None:
    """Make the tree what a provider hands out: a login with sudo, no keys, no identity."""
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    files.write(root / "etc/machine-id", "")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    run(["chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", _LOGIN])
    keep = 'Defaults env_keep += "SSL_CERT_FILE"\n'
    files.write(root / f"etc/sudoers.d/90-{_LOGIN}", f"{keep}{_LOGIN} ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    files.write(root / "etc/ssh/sshd_config.d/10-provider.conf", "PasswordAuthentication no\n")
    files.write(root / "etc/locale.gen", "en_US.UTF-8 UTF-8\n")
    files.write(root / "etc/default/locale", "LANG=C.UTF-8\n")
    run(["chroot", root, "systemctl", "enable", "systemd-networkd.service"])
    present = [unit for unit in _DISABLED if (root / "lib/systemd/system" / unit).exists()]
    run(["chroot", root, "systemctl", "disable", *present])
    trust.install(root)


def remove(config: Config, name: str, in_use: set[Path]) -> list[Image]:
    """Remove every image of a name; raises VpsError while a machine stands on one of them."""
    doomed = [image for image in existing(config) if image.name == name]
    for image in doomed:
        if image.path in in_use:
            raise VpsError(f"image {name} carries a machine: `bin/vps destroy` it first (`bin/vps list`)")
    _discard(config, name, doomed)
    return doomed


def remove_outdated(config: Config, current: Image, in_use: set[Path]) -> None:
    """Remove images of the same name that an older recipe made, as far as no machine stands on them."""
    kept = {current.path, *in_use}
    _discard(config, current.name, [i for i in existing(config) if i.name == current.name and i.path not in kept])


def _discard(config: Config, name: str, doomed: list[Image]) -> None:
    if not doomed:
        return
    with files.lock(config.image_lock(name), f"image {name}"):
        for image in doomed:
            hidden = config.images_dir / f"{_BUILDING}{image.path.name}"
            image.path.rename(hidden)  # from here on it is no image, whatever stops the removal
            files.remove_tree(hidden)
            say(f"image {name}: {image.path} removed")


def size_bytes(image: Image) -> int:
    """Disk space of an image."""
    return int(run(["du", "-s", "--block-size=1", image.path]).split()[0])
