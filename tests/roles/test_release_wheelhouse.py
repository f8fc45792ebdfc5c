"""Wheels for a host without a package index: which are chosen, and that only whole ones arrive."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from tests.roles.rendering import plugin

CONTROL = plugin("release/action_plugins/release_wheelhouse.py")
HOST = plugin("release/library/release_wheelhouse.py")

LOCKED = """\
h11==0.16.0 \\
    --hash=sha256:63cf8bbe \\
    --hash=sha256:4e35b956
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:08695f5c
tomli==2.4.1 ; python_full_version < '3.12' \\
    --hash=sha256:7c7e1a96
"""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _archive(path: Path, **wheels: bytes) -> str:
    with tarfile.open(path, "w") as archive:
        for name, content in wheels.items():
            member = tarfile.TarInfo(f"{name}.whl")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return str(path)


def test_a_host_receives_only_the_packages_of_its_system_and_python() -> None:
    environment = {"sys_platform": "linux", "python_full_version": "3.13.1"}
    assert CONTROL.for_host(LOCKED, environment) == ["h11==0.16.0 --hash=sha256:63cf8bbe --hash=sha256:4e35b956"]
    older = CONTROL.for_host(LOCKED, environment | {"python_full_version": "3.11.2"})
    assert older[1:] == ["tomli==2.4.1 --hash=sha256:7c7e1a96"]


def test_wheels_are_chosen_for_the_host() -> None:
    tags = ["cp311-cp311-manylinux_2_36_aarch64", "cp311-abi3-manylinux_2_17_aarch64", "py3-none-any"]
    options = CONTROL.pip_options(tags, "3.11.2")
    assert options[:4] == ["--python-version", "3.11.2", "--implementation", "cp"]
    assert [options[at + 1] for at, word in enumerate(options) if word == "--abi"] == ["cp311", "abi3", "none"]
    platforms = [options[at + 1] for at, word in enumerate(options) if word == "--platform"]
    assert platforms == ["manylinux_2_36_aarch64", "manylinux_2_17_aarch64"]


def test_a_wheel_that_did_not_arrive_whole_is_refused(tmp_path: Path) -> None:
    source = _archive(tmp_path / "wheels.tar", a=b"cut o")
    with pytest.raises(HOST.WheelError, match=r"a\.whl did not arrive whole"):
        HOST.fill(tmp_path / "top", "one", {"a.whl": _digest(b"cut off")}, source)
    assert not (tmp_path / "top/one").exists()
    # The next try finds what the first one left, and is not held up by it.
    HOST.fill(tmp_path / "top", "one", {"a.whl": _digest(b"cut off")}, _archive(tmp_path / "again.tar", a=b"cut off"))
    assert (tmp_path / "top/one/a.whl").read_bytes() == b"cut off"


def test_wheels_that_are_present_are_kept(tmp_path: Path) -> None:
    top = tmp_path / "top"
    HOST.fill(top, "one", {"a.whl": _digest(b"a"), "b.whl": _digest(b"b")}, _archive(tmp_path / "1", a=b"a", b=b"b"))
    HOST.fill(top, "two", {"a.whl": _digest(b"a"), "c.whl": _digest(b"c")}, _archive(tmp_path / "2", c=b"c"))
    assert [path.name for path in sorted(top.iterdir())] == ["two"]
    assert {path.name: path.read_bytes() for path in (top / "two").iterdir()} == {"a.whl": b"a", "c.whl": b"c"}


def test_an_archive_writes_only_the_named_wheels(tmp_path: Path) -> None:
    source = _archive(tmp_path / "wheels.tar", **{"../../outside": b"x", "a": b"a"})
    HOST.fill(tmp_path / "top", "one", {"a.whl": _digest(b"a")}, source)
    assert not (tmp_path / "outside.whl").exists()
    assert [path.name for path in (tmp_path / "top/one").iterdir()] == ["a.whl"]
