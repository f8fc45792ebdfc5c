"""Fixtures for machines that touch no other machine of this host."""

from __future__ import annotations

import ipaddress
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.localvps.family import BRIDGE, SUBNET, Family

from localvps import files
from localvps.config import Config
from localvps.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def vps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    """The family; whatever a test leaves is destroyed at the end."""
    with files.lock(Path(tempfile.gettempdir()) / "milkbot-vps-tests.lock", "the machines of the tests"):
        family = Family(tmp_path_factory.mktemp("vps"))
        yield family
        family("destroy", "--all")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration below a scratch directory, for tests that boot nothing."""
    return Config(tmp_path / "cache", tmp_path / "state", tmp_path / "run", BRIDGE, ipaddress.IPv4Network(SUBNET))


@pytest.fixture
def new_machine(config: Config) -> Callable[[str], Machine]:
    """Make a machine's record on disk, without an image below it."""

    def make(name: str) -> Machine:
        directory = config.machines_dir / name
        directory.mkdir(parents=True)
        address = config.subnet[len(list(config.machines_dir.iterdir())) + 10]
        machine = Machine(name, "debian-12", config.images_dir / "none", address, "0" * 32, directory)
        machine.save()
        return machine

    return make
