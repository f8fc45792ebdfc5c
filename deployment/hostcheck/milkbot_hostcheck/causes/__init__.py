"""The judges, from the ground up: of two roots the deeper one comes first."""

from __future__ import annotations

from milkbot_hostcheck.causes import (
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
from milkbot_hostcheck.diagnosis import ENTERED

_ORDER = (disk, machine, postgresql, access, settings, release, network, services, nginx, trader, backups)
JUDGES = tuple(judge for module in _ORDER for judge in ENTERED if judge.find.__module__ == module.__name__)
