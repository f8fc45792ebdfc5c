"""Which forecasters are installed: the entry points of one group, of this package and of every other one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

GROUP: Final = "milkbot.forecasters"
"""A package that has a forecaster names it in its pyproject.toml: [project.entry-points."milkbot.forecasters"]."""


@cache
def installed() -> Mapping[str, EntryPoint]:
    """Each installed forecaster by its name, in the order of the names. Nothing is imported.

    Raises ValueError for a name that two packages claim.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise ValueError(
                f"two packages have a forecaster {entry.name}: {package_of(other)} and {package_of(entry)}; "
                "remove one of them, or rename its entry point"
            )
    return found


def is_own(entry: EntryPoint) -> bool:
    """Whether this package has it: it is of the release, and was tested with it."""
    return entry.dist is not None and entry.dist.name == "milkbot"


def package_of(entry: EntryPoint) -> str:
    """The distribution that an entry point is of, with its version."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module
