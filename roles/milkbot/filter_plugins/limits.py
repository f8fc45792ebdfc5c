"""Filter: the table of limits that every program of a host reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

# Ansible finds plugins by their file, and gives them no package of their own.
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "deployment/hostcheck"))

from milkbot_hostcheck import settings


def limits_table(given: dict[str, Any], trader_interval: float, rollups_interval: float) -> dict[str, float]:
    """The usual limits, health_limits in their place, and what follows from the timers' intervals in minutes."""
    try:
        numbers = {name: float(value) for name, value in given.items()}
        found: dict[str, float] = settings.table(numbers, float(trader_interval), float(rollups_interval))
    except (TypeError, ValueError) as error:
        raise AnsibleFilterError(f"health_limits: {error}; docs/health.md lists the limits") from None
    return found


class FilterModule:
    """What Ansible imports."""

    def filters(self) -> dict[str, Any]:
        return {"limits_table": limits_table}
