"""What differs between two uv.lock files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any


def versions(text: str) -> dict[str, str]:
    """Version of each package in a lock file; an empty text locks nothing."""
    return {package["name"]: package.get("version", "") for package in tomllib.loads(text).get("package", [])}


def lock_changes(texts: Iterable[str]) -> list[str]:
    """One line for each package that came, went, or has another version, from the file before and the one after."""
    old, new = (versions(text) for text in texts)
    return [
        f"{name} {old.get(name, 'not there')} -> {new.get(name, 'not there')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"update_lock_changes": lock_changes}
