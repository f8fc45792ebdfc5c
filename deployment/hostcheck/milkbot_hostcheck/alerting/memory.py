"""What one check that alerts leaves for the next: one file, replaced as a whole, so that a kill loses nothing."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from milkbot_hostcheck.alerting.saying import complain

# The second is in memory: when the disk is full, the alert that says so must go out once, and not every five minutes.
FILES = (Path("/var/lib/milkbot-health/state.json"), Path("/run/milkbot-health/state.json"))


@dataclass
class Memory:
    """What is remembered.

    `at`: when that check was. `seen`: what it counted. `rows`: those that are not well, with what
    was told of them. `spool`: messages that somebody has not taken yet. `told`: what sending and pinging came to.
    """

    at: float | None = None
    seen: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    spool: list[dict[str, Any]] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)


def load(files: tuple[Path, Path] = FILES, *, read_only: bool = False) -> Memory:
    """The newest that is there. A file that cannot be read is put aside and reported, unless nothing may change."""
    found = [memory for file in files if (memory := _load(file, read_only=read_only)) is not None]
    return max(found, key=lambda memory: memory.at or 0.0, default=Memory())


def _load(file: Path, *, read_only: bool) -> Memory | None:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        memory = Memory(**{entry.name: known[entry.name] for entry in fields(Memory)})
        if not all(isinstance(getattr(memory, name), kind) for name, kind in _KINDS.items()):
            raise TypeError("a field has another kind")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        if read_only:
            return None
        complain(f"{file} cannot be read ({error}); put aside as {file.name}.broken")
        with suppress(OSError):
            file.replace(file.with_name(f"{file.name}.broken"))
        return None
    return memory


_KINDS: dict[str, Any] = {"at": (int, float), "seen": dict, "rows": dict, "spool": list, "told": dict}


def save(memory: Memory, files: tuple[Path, Path] = FILES) -> None:
    """Into the first place that takes it. Raises OSError when none does."""
    text = json.dumps(asdict(memory), ensure_ascii=False, separators=(",", ":"))
    first, second = files
    try:
        _write(first, text)
    except OSError:
        _write(second, text)
    else:
        second.unlink(missing_ok=True)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    aside.replace(file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
