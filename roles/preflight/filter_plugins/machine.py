"""The machine itself: whether it is one that the platform was made for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Problem = dict[str, str]

# A machine sold as "8 GB" shows about 7.7 (the kernel keeps some); of a disk the file system keeps some.
_GRANTED = 0.9

_UNITS = {"cores": "cores", "memory_gb": "GB of memory", "disk_gb": "GB of disk"}


def unsupported(distribution: str, supported: Collection[str]) -> list[Problem]:
    if distribution in supported:
        return []
    fix = f"reinstall the machine with one of {', '.join(supported)}"
    return [{"name": "operating system", "value": distribution, "fix": fix}]


def too_small(has: Mapping[str, float], wants: Mapping[str, float], variable: str) -> list[Problem]:
    """What the machine has less of than wanted. `variable` is the start of the names that set the wants."""
    problems = []
    for resource, unit in _UNITS.items():
        granted = 1.0 if resource == "cores" else _GRANTED
        if has[resource] < wants[resource] * granted:
            fix = f"take a machine with at least {wants[resource]} {unit}, or lower {variable}_{resource}"
            problems.append({"name": unit, "value": f"{has[resource]:g}", "fix": fix})
    return problems


def report(problems: Collection[Problem]) -> str:
    """One line a problem: the name, the value, the fix."""
    return "\n".join(f"{p['name']} = {p['value']}: {p['fix']}" for p in problems)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"preflight_unsupported": unsupported, "preflight_too_small": too_small, "preflight_report": report}
