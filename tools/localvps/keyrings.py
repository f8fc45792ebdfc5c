"""The keys that sign a distribution's packages: the host's own, or put there by the operator; none is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from localvps.errors import VpsError


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a distribution's keys are, and how they get there."""

    installed: Path
    fix: str


SOURCES = {
    "debian": KeySource(
        Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
        "run `apt-get install debian-archive-keyring`",
    ),
    # Debian carries no package of Ubuntu's keys.
    "ubuntu": KeySource(
        Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
        "put it there from an Ubuntu host",
    ),
}


def find(distribution: str) -> Path:
    """The keyring of a distribution. Raises VpsError with the fix when it is not on this host."""
    source = SOURCES[distribution]
    if not source.installed.is_file():
        raise VpsError(f"{source.installed} is missing: {source.fix}")
    return source.installed
