"""What each supported system carries itself: facts with their source, in systems.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

_FILE = Path(__file__).with_name("systems.json")


class System(TypedDict):
    """Versions of a distribution's own packages, where they were read, and when."""

    python: str
    postgresql: int
    sources: list[str]
    versions: dict[str, str]
    read: str


def supported() -> dict[str, System]:
    """The systems by name, such as `debian-12`."""
    found: dict[str, System] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def oldest_python() -> str:
    """The oldest Python that a host's own code runs by, such as `3.10`."""
    versions = [system["python"].split(".") for system in supported().values()]
    return ".".join(min(versions, key=lambda version: [int(number) for number in version]))
