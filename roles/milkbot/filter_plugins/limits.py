"""Filter: the table of limits that every program of a host reads."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible.errors import AnsibleFilterError

_SETTINGS = Path(__file__).resolve().parents[3] / "deployment/hostcheck/milkbot_hostcheck/settings.py"


def _settings() -> ModuleType:
    spec = importlib.util.spec_from_file_location("milkbot_health_settings", _SETTINGS)
    if spec is None or spec.loader is None:
        raise AnsibleFilterError(f"{_SETTINGS} cannot be read")
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks for its own module there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def limits_table(given: dict[str, Any], trader_interval: float, rollups_interval: float) -> dict[str, float]:
    """The usual limits, health_limits in their place, and what follows from the timers' intervals in minutes."""
    try:
        numbers = {name: float(value) for name, value in given.items()}
        found: dict[str, float] = _settings().table(numbers, float(trader_interval), float(rollups_interval))
    except (TypeError, ValueError) as error:
        raise AnsibleFilterError(f"health_limits: {error}; docs/health.md lists the limits") from None
    return found


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Any]:
        return {"limits_table": limits_table}
