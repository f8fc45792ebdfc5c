"""What the checks share: settings, the time, and what the last check that alerts had seen."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from milkbot_hostcheck.alerting.memory import Memory
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.paths import CURRENT
from milkbot_hostcheck.settings import Settings

# The role makes it once: what is due from then on has a beginning.
INSTALLED = Path("/var/lib/milkbot-health/installed")


@dataclass(frozen=True)
class Host:
    """Given to every check. `facts` are what the host's programs answer, each asked once.

    `note` is what this check saw, for the next one; each check writes keys of its own.
    """

    settings: Settings
    memory: Memory = field(default_factory=Memory)
    alerts: bool = False
    now: float = field(default_factory=time.time)
    release: str = ""
    note: dict[str, Any] = field(default_factory=dict)
    facts: Collection = field(default_factory=lambda: Collection({}))

    @property
    def seconds(self) -> float:
        """How long one part has to answer."""
        return self.settings.limits.answer_seconds

    @property
    def seen(self) -> dict[str, Any]:
        return self.memory.seen

    @property
    def last_at(self) -> float | None:
        """When the last check that alerts was; None when there was none yet."""
        return self.memory.at

    def installed_at(self) -> float:
        """Since when this host is checked; now when nobody knows."""
        try:
            return INSTALLED.stat().st_mtime
        except OSError:
            return self.now


def live_release() -> str:
    """Id of the release that current points to, empty when there is none."""
    try:
        return CURRENT.readlink().name
    except OSError:
        return ""
