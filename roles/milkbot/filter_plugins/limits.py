"""Filters: the table of limits that every program of a host reads, and the limits of its units."""

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


_PROPERTIES = {
    "memory_high": "MemoryHigh",
    "memory_max": "MemoryMax",
    "tasks_max": "TasksMax",
    "cpu_weight": "CPUWeight",
    "io_weight": "IOWeight",
    "oom_score_adjust": "OOMScoreAdjust",
}


def unit_limits(table: dict[str, dict[str, Any]], given: list[dict[str, Any]], *, enabled: bool) -> dict[str, str]:
    """The lines of each unit of the table, the given entries in place of its own; empty ones unless enabled.

    Preflight judges the entries; one of a unit that is not in the table is an error here too.
    """
    found = {unit: dict(limits) for unit, limits in table.items()}
    for entry in given:
        if entry["unit"] not in found:
            known = ", ".join(found)
            raise AnsibleFilterError(f"milkbot_unit_limits: unit = {entry['unit']}: has to be one of {known}")
        found[entry["unit"]] |= {name: value for name, value in entry.items() if name in _PROPERTIES}
    return {
        unit: "\n".join(f"{_PROPERTIES[name]}={value}" for name, value in limits.items()) if enabled else ""
        for unit, limits in found.items()
    }


class FilterModule:
    """What Ansible imports."""

    def filters(self) -> dict[str, Any]:
        return {"limits_table": limits_table, "unit_limits": unit_limits}
