"""What of a version a server gets, and its identity: a commit, its tarball and a later commit of the same share it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

_ALWAYS = ("app", "pyproject.toml", "uv.lock", "LICENSE")
# The build reads it when the project file names it.
_README = re.compile(r'^readme\s*=\s*(?:\{\s*file\s*=\s*)?"([^"]+)"', re.MULTILINE)
_LINK, _PROGRAM, _FILE = "120000", "100755", "100644"

Shipped = Mapping[str, tuple[str, str]]
"""Mode and git's hash of each file, by its path."""


def shipped_paths(project: str) -> list[str]:
    """The top of what is shipped, by the text of a version's pyproject.toml; some of it a version may lack."""
    return [*_ALWAYS, *_README.findall(project)]


def is_shipped(name: str, paths: Iterable[str]) -> bool:
    return any(name == path or name.startswith(f"{path}/") for path in paths)


def identity(files: Shipped) -> str:
    """40 hexadecimal digits that two versions share when, and only when, a server gets the same of both."""
    lines = (f"{mode} {blob} {name}\n" for name, (mode, blob) in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:40]


def from_listing(text: str, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Of what `git ls-tree -r -z` prints."""
    paths, found = list(paths), {}
    for entry in text.split("\0"):
        about, _, name = entry.partition("\t")
        if name and is_shipped(name, paths):
            mode, _, blob = about.split(" ")
            found[name] = (mode, blob)
    return found


def from_members(
    archive: tarfile.TarFile, names: Mapping[str, tarfile.TarInfo], paths: Iterable[str]
) -> dict[str, tuple[str, str]]:
    """Of the members of an archive, by their names in the version."""
    paths, found = list(paths), {}
    for name, member in names.items():
        if not is_shipped(name, paths):
            continue
        if member.issym():
            found[name] = (_LINK, _blob(member.linkname.encode()))
        elif member.isreg() and (file := archive.extractfile(member)) is not None:
            with file:
                found[name] = (_PROGRAM if member.mode & 0o100 else _FILE, _blob(file.read()))
    return found


def from_tree(directory: Path, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Of the files that lie in a directory."""
    paths, found = list(paths), {}
    for path in directory.rglob("*"):
        name = path.relative_to(directory).as_posix()
        if not is_shipped(name, paths):
            continue
        if path.is_symlink():
            found[name] = (_LINK, _blob(os.fsencode(path.readlink())))
        elif path.is_file():
            found[name] = (_PROGRAM if path.stat().st_mode & stat.S_IXUSR else _FILE, _blob(path.read_bytes()))
    return found


def _blob(content: bytes) -> str:
    """As git names it."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
