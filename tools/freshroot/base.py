"""The root file system that every run starts from: nothing but a shell, apt and certificates."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from localvps import files, keyrings, mirrors, recipes, trust
from localvps.errors import say
from localvps.run import run

_RECIPE = recipes.find("debian-12")
_REVISION = 2  # raised when the code here starts to make another root of the same inputs
_BUILDING = "base-building"


def ensure(state: Path) -> Path:
    """Return the root file system that today's mirrors and trust give, made when it is missing."""
    inputs = f"{_REVISION}{mirrors.sources(_RECIPE)}{trust.host_certificates()}"
    digest = hashlib.sha256(inputs.encode()).hexdigest()[:12]
    base = state / f"base-{digest}"
    for other in state.glob("base-*"):
        if other != base:
            files.remove_tree(other)
    if not base.is_dir():
        _build(state / _BUILDING)
        os.sync()  # the rename must not reach the disk before the files do
        (state / _BUILDING).rename(base)
    return base


def forget(state: Path) -> None:
    """Remove the root file system and every cache, so that the next run is like the first on a machine."""
    for path in state.iterdir():
        if path.is_dir():
            files.remove_tree(path)


def _build(root: Path) -> None:
    mirrors.check(_RECIPE)
    say("the fresh root: building its file system (about twenty seconds)")
    # A mount namespace of its own: whatever kills the build, no mount of it remains on the host.
    run(
        [
            *("unshare", "--mount", "--propagation", "private", "--"),
            *("mmdebstrap", "--mode=root", "--variant=minbase", f"--keyring={keyrings.find(_RECIPE.distribution)}"),
            *("--include=ca-certificates", _RECIPE.suite, root, "-"),
        ],
        stdin=mirrors.sources(_RECIPE),
    )
    # It is thrown away after its run, so nothing in it needs to outlive a power cut.
    files.write(root / "etc/dpkg/dpkg.cfg.d/unsafe-io", "force-unsafe-io\n")
    trust.install(root)
    for settings in (Path("/etc/pip.conf"), Path("/etc/uv/uv.toml")):
        if settings.is_file():
            target = root / settings.relative_to("/")
            target.parent.mkdir(exist_ok=True)
            shutil.copy(settings, target)
