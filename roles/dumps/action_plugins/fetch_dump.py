"""Brings a backup, its manifest and its digest to the control node, in pieces, whatever its size."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
from pathlib import Path
from typing import Any, BinaryIO

from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: fetch_dump
short_description: Bring a backup, its manifest and its digest to the control node
description:
  - Ansible's own fetch holds a file that only root may read whole in memory; this one reads it piece by piece. It gets
    its name only when it is whole, on the disk, and its SHA-256 is the one in its digest file.
  - What is there already with that SHA-256 is left as it is.
options:
  source: {description: The backup on the host., type: path, required: true}
  directory: {description: "Where it goes on the control node; made when it is missing.", type: path, required: true}
"""

RETURN = r"""
file: {description: Where the backup is on the control node., type: str}
sha256: {description: Its SHA-256., type: str}
"""

_PIECE = 8 << 20
_SMALL = 4 << 20


class FetchError(Exception):
    """Nothing got its name; the message says why."""


class ActionModule(ActionBase):
    """Reads by the connection's own shell, so that it needs no module of its own on the host."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        source, directory = str(self._task.args["source"]), Path(self._task.args["directory"]).expanduser()
        target = directory / Path(source).name
        if self._task.check_mode:
            return {"changed": not target.exists(), "file": str(target)}
        try:
            wanted = (self._read_small(f"{source}.sha256").split() or [b""])[0].decode()
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            changed = not target.exists() or (_digest_of(target) != wanted)
            if changed:
                self._bring(source, target, wanted)
            for more in (".sha256", ".json", ".globals.sql"):
                text = self._read_small(source + more)
                aside = target.with_name(target.name + more)
                if text and (not aside.exists() or aside.read_bytes() != text):
                    _write(aside, text)
                    changed = True
        except (FetchError, OSError) as error:
            return {"failed": True, "msg": f"{source} was not brought to {directory}: {error}"}
        return {"changed": changed, "file": str(target), "sha256": wanted or _digest_of(target)}

    def _said(self, command: str) -> bytes:
        answer = self._low_level_execute_command(f"{command} | base64 --wrap=0", sudoable=True)
        if answer["rc"] != 0:
            raise FetchError(answer["stderr"].strip() or f"{command} left with {answer['rc']}")
        return base64.b64decode(answer["stdout"].strip())

    def _read_small(self, path: str) -> bytes:
        """What the file holds; nothing when there is none."""
        return self._said(f"head --bytes={_SMALL} {shlex.quote(path)} 2>/dev/null")

    def _bring(self, source: str, target: Path, wanted: str) -> None:
        temporary = target.with_name(f".{target.name}.part")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            digest = self._copy(source, file)
            file.flush()
            os.fsync(file.fileno())
        if wanted and digest != wanted:
            temporary.unlink()
            raise FetchError("what arrived differs from its digest file; try again, or choose another backup")
        temporary.replace(target)

    def _copy(self, source: str, file: BinaryIO) -> str:
        """Returns the SHA-256 of what was copied."""
        digest, number = hashlib.sha256(), 0
        while True:
            reading = f"dd if={shlex.quote(source)} bs={_PIECE} skip={number} count=1 iflag=fullblock status=none"
            piece = self._said(reading)
            digest.update(piece)
            file.write(piece)
            number += 1
            if len(piece) < _PIECE:
                return digest.hexdigest()


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
