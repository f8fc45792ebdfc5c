"""Ansible module: put the files of a release into its directory."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_shipped import from_tree, identity, is_shipped

DOCUMENTATION = r"""
module: release_tree
short_description: Unpack what a server needs of an archive into a new release
description:
  - Begins anew where an interrupted run left something, and leaves a complete release alone (one with C(release.json)).
  - What lies on the host in the end must be C(content), whatever happened to the archive on its way.
  - The action plugin of the same name makes the archive on the control node and brings it here.
options:
  source: {description: "The archive, a tar in any compression.", type: path}
  command: {description: "Prints the archive, a plain tar, when it is made here.", type: list, elements: str}
  prefix: {description: Directory in the archive that holds everything; empty for none., type: str, default: ""}
  paths: {description: What to unpack; the rest is left out., type: list, elements: str, required: true}
  content: {description: "What was chosen, as release_source names it.", type: str, required: true}
  destination: {description: The release's directory., type: path, required: true}
"""

RETURN = r"""
files: {description: How many files were unpacked., type: int, returned: success}
"""


class TreeError(Exception):
    """The archive does not hold a release; the message says why."""


@contextmanager
def opened(source: str | None, command: list[str] | None) -> Iterator[tarfile.TarFile]:
    """The archive that lies there, or that the command prints."""
    if command is None:
        with tarfile.open(source) as archive:
            yield archive
        return
    with tempfile.TemporaryFile() as file:
        done = subprocess.run(command, check=False, stdout=file, stderr=subprocess.PIPE, text=True)  # noqa: S603
        if done.returncode != 0:
            raise TreeError(done.stderr.strip())
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            yield archive


def inside(name: str) -> bool:
    """Whether a path stays in the directory that it begins in."""
    return not name.startswith("/") and not os.path.normpath(name).startswith("..")


def wanted(member: tarfile.TarInfo, prefix: str, paths: list[str]) -> str | None:
    """Its path in the release; None for what is left out."""
    name = os.path.normpath(member.name)
    if prefix:
        if not name.startswith(f"{prefix}/"):
            return None
        name = name[len(prefix) + 1 :]
    return name if is_shipped(name, paths) else None


def unpack(archive: tarfile.TarFile, directory: Path, prefix: str, paths: list[str]) -> int:
    """Everything belongs to who runs this, and nobody else may write it."""
    count = 0
    for member in archive:
        name = wanted(member, prefix, paths)
        if name is None:
            continue
        target = directory / name
        if not inside(name):
            raise TreeError(f"{member.name} leads out of the archive")
        # Nothing is written through a link of the archive's own.
        if any(parent.is_symlink() for parent in target.parents if parent.is_relative_to(directory)):
            raise TreeError(f"{member.name} lies behind a link")
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if member.issym() and inside(os.path.join(os.path.dirname(name), member.linkname)):  # noqa: PTH118, PTH120 - text
            target.symlink_to(member.linkname)
        elif member.isreg():
            content = archive.extractfile(member)
            assert content is not None  # noqa: S101 - it is a regular file
            with content, target.open("xb") as file:
                shutil.copyfileobj(content, file)
            target.chmod(0o755 if member.mode & stat.S_IXUSR else 0o644)
            os.utime(target, (member.mtime, member.mtime))
        else:
            raise TreeError(f"{member.name} is neither a file, a directory, nor a link that stays in the archive")
        count += 1
    return count


def main() -> None:
    module = AnsibleModule(
        {
            "source": {"type": "path"},
            "command": {"type": "list", "elements": "str"},
            "prefix": {"type": "str", "default": ""},
            "paths": {"type": "list", "elements": "str", "required": True},
            "content": {"type": "str", "required": True},
            "destination": {"type": "path", "required": True},
        },
        required_one_of=[("source", "command")],
    )
    os.umask(0o022)
    asked, directory = module.params, Path(module.params["destination"])
    if (directory / "release.json").exists():
        module.fail_json(msg=f"{directory} is a complete release, which is never written to")
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    try:
        with opened(asked["source"], asked["command"]) as archive:
            count = unpack(archive, directory, asked["prefix"], asked["paths"])
        arrived = identity(from_tree(directory, asked["paths"]))
        if arrived != asked["content"]:
            raise TreeError(
                f"{directory} has the content {arrived}, and {asked['content']} was chosen; "
                "run it again, and if that is refused too, find out what changes files on their way to the host"
            )
    except (TreeError, tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        module.fail_json(msg=f"the release's archive is refused: {error}")
    module.exit_json(changed=True, files=count)


if __name__ == "__main__":
    main()
