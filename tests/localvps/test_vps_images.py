"""A build that was killed is never taken for an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localvps import images, keyrings, mirrors
from localvps.errors import VpsError

if TYPE_CHECKING:
    from pathlib import Path

    from localvps.config import Config


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mirrors, "check", lambda _recipe: None)
    monkeypatch.setattr(keyrings, "find", lambda *_arguments: tmp_path / "keyring.gpg")


def _break_off(*_arguments: object, **_options: object) -> str:
    raise VpsError("mmdebstrap died")


def test_a_failed_build_leaves_no_image_and_the_next_starts_from_scratch(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "run", _break_off)
    with pytest.raises(VpsError, match="mmdebstrap died"):
        images.ensure(config, "debian-12")
    assert images.existing(config) == []

    stale = next(config.images_dir.glob(".building-*")) / "stale"
    stale.touch()
    monkeypatch.setattr(images, "run", lambda *_arguments, **_options: "")
    monkeypatch.setattr(images, "_finish", lambda root: root.mkdir())
    image = images.ensure(config, "debian-12")
    assert [path.name for path in image.path.iterdir()] == ["rootfs"]
    assert images.existing(config) == [image]


def test_an_image_that_a_machine_uses_is_not_removed(config: Config) -> None:
    path = config.images_dir / "debian-12-0123456789ab"
    path.mkdir(parents=True)
    with pytest.raises(VpsError, match="carries a machine"):
        images.remove(config, "debian-12", {path})
    images.remove(config, "debian-12", set())
    assert images.existing(config) == []


def test_only_outdated_images_without_a_machine_are_removed(config: Config) -> None:
    paths = {name: config.images_dir / f"debian-12-{name}" for name in ("current", "carrying", "outdated")}
    for path in (*paths.values(), config.images_dir / "debian-13-current"):
        path.mkdir(parents=True)
    images.remove_outdated(config, images.Image("debian-12", paths["current"]), {paths["carrying"]})
    assert [image.path.name for image in images.existing(config)] == [
        "debian-12-carrying",
        "debian-12-current",
        "debian-13-current",
    ]
