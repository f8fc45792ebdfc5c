"""A call that was killed between two steps leaves a disk that the next call repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localvps import layers, seed
from localvps.errors import VpsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localvps.config import Config
    from localvps.machine import Machine


@pytest.fixture(autouse=True)
def _plain_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_config: Config, _machine: Machine, top: Path) -> None:
        (top / "seed").write_text("seeded", encoding="ascii")

    monkeypatch.setattr(seed, "write", write)


@pytest.fixture
def machine(config: Config, new_machine: Callable[[str], Machine]) -> Machine:
    return layers.prepare(config, new_machine("one"))


def test_a_new_disk_is_seeded(machine: Machine) -> None:
    assert (machine.upper / "seed").read_text(encoding="ascii") == "seeded"


def test_a_snapshot_without_a_record_becomes_the_disk_again(config: Config, machine: Machine) -> None:
    (machine.upper / "kept").touch()
    machine.upper.rename(machine.directory / "layer-unknown")
    layers.prepare(config, machine)
    assert (machine.upper / "kept").exists()
    assert not (machine.directory / "layer-unknown").exists()


def test_a_snapshot_without_a_new_disk_remains_a_snapshot(config: Config, machine: Machine) -> None:
    frozen = layers.prepare(config, layers.freeze(machine, "clean"))
    assert [snapshot.name for snapshot in frozen.snapshots] == ["clean"]
    assert list(frozen.upper.iterdir()) == []


def test_an_interrupted_reset_never_mixes_layers(config: Config, machine: Machine) -> None:
    for name in ("first", "second", "third"):
        machine = layers.prepare(config, layers.freeze(machine, name))
    second = machine.layer(machine.snapshots[1])
    second.rename(machine.directory / ".trash-1")
    mended = layers.prepare(config, machine)
    assert [snapshot.name for snapshot in mended.snapshots] == ["first"]
    assert not list(mended.directory.glob(".trash-*"))


def test_a_reset_to_the_image_seeds_again(config: Config, machine: Machine) -> None:
    frozen = layers.prepare(config, layers.freeze(machine, "clean"))
    (frozen.upper / "later").touch()
    fresh = layers.prepare(config, layers.rewind(frozen, None))
    assert sorted(path.name for path in fresh.upper.iterdir()) == ["seed"]


def test_the_newest_layer_covers_the_older_ones(config: Config, machine: Machine) -> None:
    for name in ("old", "new"):
        machine = layers.prepare(config, layers.freeze(machine, name))
    old, new = (snapshot.directory for snapshot in machine.snapshots)
    assert layers.mount_options(machine).startswith(f"lowerdir={new}:{old}:{machine.image_path}/rootfs,")


def test_the_name_of_a_snapshot_cannot_be_reused(machine: Machine) -> None:
    frozen = layers.freeze(machine, "clean")
    with pytest.raises(VpsError, match="already"):
        layers.freeze(frozen, "clean")


def test_an_unknown_snapshot_is_refused_with_the_names_that_exist(machine: Machine) -> None:
    frozen = layers.freeze(machine, "clean")
    with pytest.raises(VpsError, match="it has: clean"):
        layers.rewind(frozen, "dirty")
