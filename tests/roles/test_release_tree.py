"""The module that unpacks a release, run as Ansible runs it."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask

FILES = {"app/milkbot/__init__.py": "", "pyproject.toml": "[project]\n", "tests/test_one.py": "assert True\n"}


def _archive(path: Path, *others: tarfile.TarInfo, prefix: str = "") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(prefix + name)
            member.size, member.mode, member.uid = len(content), 0o666, 12345
            archive.addfile(member, io.BytesIO(content.encode()))
        for member in others:
            archive.addfile(member)
    return path


def _special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


# What git itself says of the two files that are shipped, and of their modes: sha256 of "MODE BLOB NAME" of each.
_EMPTY, _PROJECT = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "38c626fa83ffc6d60da55eff6f23d106023029ce"
_CONTENT = hashlib.sha256(
    f"100644 {_EMPTY} app/milkbot/__init__.py\n100644 {_PROJECT} pyproject.toml\n".encode()
).hexdigest()[:40]


def _unpack(archive: Path, directory: Path, **given: Any) -> dict[str, Any]:
    arguments = {
        "source": str(archive),
        "paths": ["app", "pyproject.toml"],
        "content": _CONTENT,
        "destination": str(directory),
    }
    return ask("release/library/release_tree.py", **arguments | given)


def _there(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("prefix", ["", "milkbot-1.0/"])
def test_only_shipped_files_reach_a_server(tmp_path: Path, prefix: str) -> None:
    archive = _archive(tmp_path / "a.tar", prefix=prefix)
    answer = _unpack(archive, tmp_path / "release", prefix=prefix.rstrip("/"))
    assert answer["files"] == 2
    assert _there(tmp_path / "release") == {"app/milkbot/__init__.py", "pyproject.toml"}


def test_only_the_owner_may_write_an_unpacked_release(tmp_path: Path) -> None:
    _unpack(_archive(tmp_path / "a.tar"), tmp_path / "release")
    for path in (tmp_path / "release").rglob("*"):
        assert (path.stat().st_uid, path.stat().st_mode & 0o022) == (os.geteuid(), 0)


def test_the_rest_of_an_interrupted_run_is_removed(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tar")
    left = tmp_path / "release/app/of-another-run.py"
    left.parent.mkdir(parents=True)
    left.touch()
    _unpack(archive, tmp_path / "release")
    assert not left.exists()


def test_a_complete_release_is_never_written_to(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tar")
    _unpack(archive, tmp_path / "release")
    (tmp_path / "release/release.json").touch()
    answer = _unpack(archive, tmp_path / "release")
    assert answer["failed"] is True
    assert "is a complete release" in answer["msg"]
    assert "app/milkbot/__init__.py" in _there(tmp_path / "release")


@pytest.mark.parametrize(
    "member",
    [
        _special("app/link", tarfile.SYMTYPE, "../../outside"),
        _special("app/link", tarfile.SYMTYPE, "/etc/passwd"),
        _special("app/link", tarfile.LNKTYPE, "/etc/passwd"),
        _special("app/pipe", tarfile.FIFOTYPE),
        _special("app/device", tarfile.CHRTYPE),
    ],
    ids=lambda member: f"{member.name} {member.linkname}",
)
def test_a_member_that_leads_out_of_the_release_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    answer = _unpack(_archive(tmp_path / "a.tar", member), tmp_path / "release")
    assert answer["failed"] is True
    assert member.name in answer["msg"]


def test_a_link_inside_the_release_is_accepted(tmp_path: Path) -> None:
    link = hashlib.sha1(b"blob 7\0milkbot", usedforsecurity=False).hexdigest()
    lines = f"120000 {link} app/link\n100644 {_EMPTY} app/milkbot/__init__.py\n100644 {_PROJECT} pyproject.toml\n"
    answer = _unpack(
        _archive(tmp_path / "a.tar", _special("app/link", tarfile.SYMTYPE, "milkbot")),
        tmp_path / "release",
        content=hashlib.sha256(lines.encode()).hexdigest()[:40],
    )
    assert "failed" not in answer
    assert (tmp_path / "release/app/link/__init__.py").is_file()


def test_a_member_behind_a_link_is_refused(tmp_path: Path) -> None:
    up = _special("app/up", tarfile.SYMTYPE, "..")
    answer = _unpack(
        _archive(tmp_path / "a.tar", up, _special("app/up/beside", tarfile.SYMTYPE, "..")), tmp_path / "release"
    )
    assert answer["msg"].endswith("app/up/beside lies behind a link")


def test_an_archive_that_was_cut_is_refused(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tar")
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    answer = _unpack(archive, tmp_path / "release")
    assert answer["failed"] is True
    assert "is refused" in answer["msg"]


@pytest.mark.parametrize("change", ["a file more", "another byte", "another mode"])
def test_an_archive_that_is_not_what_was_chosen_is_refused(tmp_path: Path, change: str) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        files = {"app/milkbot/__init__.py": "", "pyproject.toml": "[project]\n"}
        if change == "a file more":
            files["app/milkbot/more.py"] = ""
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.mode = 0o755 if change == "another mode" else 0o644
            text = content.replace("p", "P", 1) if change == "another byte" else content
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    answer = _unpack(archive, tmp_path / "release")
    assert answer["failed"] is True
    assert f"{_CONTENT} was chosen" in answer["msg"]
    assert not (tmp_path / "release/release.json").exists()
