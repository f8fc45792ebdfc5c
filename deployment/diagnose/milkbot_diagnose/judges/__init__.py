"""The judges. The order in which they are read here is their order: from the ground up."""

from __future__ import annotations

from milkbot_diagnose.diagnosis import JUDGES
from milkbot_diagnose.judges import (
    access,
    backups,
    disk,
    machine,
    network,
    nginx,
    postgresql,
    release,
    services,
    settings,
    trader,
)

__all__ = [
    "JUDGES",
    "access",
    "backups",
    "disk",
    "machine",
    "network",
    "nginx",
    "postgresql",
    "release",
    "services",
    "settings",
    "trader",
]
