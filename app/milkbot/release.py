"""Which release this process runs."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path


@cache
def release_directory() -> Path | None:
    """The release that holds this process' environment; None in a checkout.

    Found once: the answer is the code that this process runs, whatever the `current` link says later.
    """
    directory = Path(sys.prefix).resolve().parent
    return directory if (directory / "release.json").is_file() else None


@cache
def release_id() -> str:
    """The id in the release's `release.json`, "dev" in a checkout."""
    directory = release_directory()
    if directory is None:
        return "dev"
    return str(json.loads((directory / "release.json").read_text("utf-8"))["id"])
