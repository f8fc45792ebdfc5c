"""Files as questions."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from milkbot_hostcheck.asking import Look


def end_of(path: Path, longest: int = 100_000) -> str:
    """Its last whole lines, no more than that many bytes."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - longest))
        text = file.read(longest).decode("utf-8", "replace")
    return text if size <= longest else text.partition("\n")[2]


def beginning_of(path: Path, longest: int = 100_000) -> str:
    """Its first whole lines, no more than that many bytes."""
    with path.open("rb") as file:
        text = file.read(longest + 1).decode("utf-8", "replace")
    return text if len(text) <= longest else text[:longest].rpartition("\n")[0]


def look_at_end(name: str, path: Path, longest: int = 100_000) -> Look:
    """The question for the end of a file."""
    return Look(name, partial(end_of, path, longest))


def look_at(name: str, path: Path) -> Look:
    """The question for a file as it is."""
    return Look(name, partial(beginning_of, path))
