"""One run's own machine in all but its kernel: a copy of the base, and namespaces that end with the run."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localvps import cgroups, files, network, seed
from localvps.errors import VpsError, say
from localvps.run import run, succeeds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localvps.config import Config

_ENTER = Path(__file__).with_name("enter.sh")
_HOSTNAME = "fresh"
# What of the caller's environment a new machine would have too; the rest is left out.
_ENVIRONMENT = re.compile(
    r"CI|TERM|NO_COLOR|(?i:(https?|all|no)_proxy)|MILKBOT_(DEBIAN|UBUNTU)_\w+|(PIP|UV)_(\w*INDEX\w*|DEFAULT_TIMEOUT)"
)
# Below /root/.cache. What the bootstrap itself puts there is not kept: it shall do its work every time.
_KEPT_CACHES = (".cache/uv", ".cache/pip", ".cache/milkbot/test")


@dataclass(frozen=True, slots=True)
class Cell:
    """A root file system with the clone in /root/milkbot, a network and a control group; nothing runs in it yet."""

    config: Config
    tree: Path

    @property
    def name(self) -> str:
        """Name of its network namespace and of its control group."""
        return f"fresh-{self.config.bridge}"

    @property
    def cable(self) -> str:
        """The host's end of its cable."""
        return f"fr-{self.config.bridge}"

    @property
    def root(self) -> Path:
        """Its own copy of the base."""
        return self.config.state_dir / "root"

    def run(self, command: list[str]) -> int:
        """Run a command in the clone; returns its exit code, 128 and more for a signal."""
        kept = {name: value for name, value in os.environ.items() if _ENVIRONMENT.fullmatch(name)}
        shared = Path(os.environ.get("MILKBOT_SHARED_DATA", self.tree.parent / "shared/data"))
        if shared.is_dir():
            kept["MILKBOT_SHARED_DATA"] = str(shared)
        results = self.tree / "test-results"
        results.mkdir(exist_ok=True)
        where = (cgroups.path(self.name), f"/run/netns/{self.name}", self.root, self.config.state_dir, results)
        done = subprocess.run(
            # Dies with this process, and all that runs in its process namespace with it.
            ["setpriv", "--pdeathsig", "KILL", str(_ENTER), "outside", *map(str, where), *command],
            env={"PATH": os.environ.get("PATH", os.defpath), **kept},
            check=False,
        )
        return done.returncode if done.returncode >= 0 else 128 - done.returncode


@contextmanager
def opened(config: Config, base: Path, tree: Path) -> Iterator[Cell]:
    """Make a cell of a base and a clone of the tree's commit, without what an earlier, killed run left; close it."""
    cell = Cell(config, tree)
    _close(cell)
    try:
        cgroups.make(cell.name)
        _plug(cell)
        _fill(cell, base)
        yield cell
    finally:
        _close(cell)


def _fill(cell: Cell, base: Path) -> None:
    state = cell.config.state_dir
    home = state / "home"
    _empty(home)
    for directory in (*(home / name for name in _KEPT_CACHES), state / "apt/partial", state / "images"):
        directory.mkdir(parents=True, exist_ok=True)
    run(["cp", "--archive", "--reflink=auto", base, cell.root])
    files.write(cell.root / "etc/resolv.conf", seed.resolver())
    hosts = Path("/etc/hosts").read_text(encoding="utf-8")
    files.write(cell.root / "etc/hosts", f"{hosts}\n127.0.1.1 {_HOSTNAME}\n")
    files.write(cell.root / "etc/hostname", f"{_HOSTNAME}\n")
    # Its code runs as root already, so whose checkout it is adds nothing; git asks for it to be said in a file.
    trusted = state / "gitconfig"
    files.write(trusted, "[safe]\n\tdirectory = *\n")
    git = {**os.environ, "GIT_CONFIG_GLOBAL": str(trusted)}
    dirty = run(["git", "-C", cell.tree, "status", "--porcelain"], env=git)
    run(["git", "clone", "--quiet", "--no-hardlinks", cell.tree, home / "milkbot"], env=git)
    say("the fresh root: ready" + ("; only what is committed is in its clone" if dirty else ""))


def _empty(home: Path) -> None:
    """Remove what a run left in its home directory, but for the kept caches."""
    if not home.is_dir():
        return
    kept = {home / name for name in _KEPT_CACHES}
    parents = {parent for path in kept for parent in path.parents}
    for top in (home, *sorted(parent for parent in parents if parent.is_relative_to(home) and parent != home)):
        for path in top.iterdir() if top.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                if path not in kept | parents:
                    files.remove_tree(path)
            else:
                path.unlink()


def _plug(cell: Cell) -> None:
    """Give the cell a network of its own with a way out, like a machine's."""
    config, end = cell.config, f"{cell.cable}-in"
    network.up(config)
    run(["ip", "netns", "add", cell.name])
    run(["ip", "link", "add", cell.cable, "type", "veth", "peer", "name", end, "netns", cell.name])
    run(["ip", "link", "set", cell.cable, "master", config.bridge, "up"])
    for words in (
        ("link", "set", "lo", "up"),
        ("link", "set", end, "name", "eth0", "mtu", str(network.mtu())),
        ("address", "add", f"{config.subnet[10]}/{config.subnet.prefixlen}", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("route", "add", "default", "via", str(config.gateway)),
    ):
        run(["ip", "-n", cell.name, *words])


def _close(cell: Cell) -> None:
    """Take the cell away, in whatever state it is: processes first, for they hold the rest."""
    group = cgroups.path(cell.name)
    if group.is_dir():
        cgroups.kill(group)
        cgroups.remove(group)
    if Path("/run/netns", cell.name).exists() and not succeeds(["ip", "netns", "delete", cell.name]):
        raise VpsError(f"the network namespace {cell.name} cannot be removed: `ip netns delete {cell.name}`")
    succeeds(["ip", "link", "delete", cell.cable])  # it goes with the namespace, some time later
    network.down(cell.config)
    files.remove_tree(cell.root)
