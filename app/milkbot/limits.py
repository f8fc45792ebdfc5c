"""The host's table of limits, which the roles write for every program: the names are those of docs/health.md."""

from __future__ import annotations

import json
from pathlib import Path

from milkbot.release import release_directory


def limits_path() -> Path | None:
    """Where the roles put the table that every program of the host reads; None in a checkout, which is no host."""
    release = release_directory()
    return None if release is None else release.parent.parent / "deployment/limits.json"


def read_limits(path: Path | None) -> dict[str, float] | None:
    """The table of limits, by the names of docs/health.md; None where there is none that can be read."""
    if path is None:
        return None
    try:
        return {str(name): float(value) for name, value in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None
