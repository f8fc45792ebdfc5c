"""What differs between the version that runs and the one that comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def lock_changes(locked: Iterable[Mapping[str, str]]) -> list[str]:
    """One line for each package that came, went, or has another version; from those before and those after, by name."""
    old, new = locked
    return [
        f"{name} {old.get(name, 'not there')} -> {new.get(name, 'not there')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def migrations(names: Iterable[Iterable[str]]) -> list[str]:
    """One line for each migration that came, and for each that the coming version does not know."""
    old, new = (set(some) for some in names)
    return [*sorted(new - old), *(f"{name} is not in the coming version" for name in sorted(old - new))]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"update_lock_changes": lock_changes, "update_migrations": migrations}
