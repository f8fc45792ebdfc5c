"""Files written whole or not at all, locks, and removal that never crosses a mount."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localvps.errors import VpsError, say

if TYPE_CHECKING:
    from collections.abc import Iterator


MOUNTS = Path("/proc/self/mountinfo")


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file by rename, so that a killed writer leaves the old one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), mode)
        Path(temporary).replace(path)
    except BaseException:  # a stray temporary file must not outlive an interrupt either
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: dict[str, Any], mode: int = 0o644) -> None:
    """Write a JSON object by rename."""
    write(path, json.dumps(value, indent=2) + "\n", mode)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, or None where there is no such file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise VpsError(f"{path} is not valid JSON: remove it, or `bin/vps destroy` what it describes") from None
    if not isinstance(value, dict):
        raise VpsError(f"{path} holds no JSON object: remove it")
    return value


@contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Hold an exclusive lock; reports when it has to wait. The kernel frees it when its owner dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another call works on {what}; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def remove_tree(path: Path) -> None:
    """Remove a directory with all that is in it; refuses while anything is mounted below it."""
    if not path.exists():
        return
    prefix = f"{path.resolve()}/"
    for line in MOUNTS.read_text(encoding="utf-8").splitlines():
        point = line.split()[4]
        if f"{point}/".startswith(prefix):
            raise VpsError(f"{point} is still mounted, so {path} is not removed: `umount {point}` first")
    shutil.rmtree(path)
