"""Variables that an inventory defines and nobody reads: a typing error would be ignored without a word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from milkbot_preflight.faults import Fault

UNKNOWN = "(unknown variable)"
# Ansible's own, what a run registers, and what an operator keeps for templates of his own.
_OTHERS = ("ansible_", "__", "_", "my_", "molecule_")
# What Ansible adds to the variables of every host; they are in no list of its own that is public.
_MAGIC = frozenset(
    {
        *("environment", "group_names", "groups", "hostvars", "inventory_dir", "inventory_file", "inventory_hostname"),
        *("inventory_hostname_short", "module_setup", "omit", "play_hosts", "playbook_dir", "role_name", "role_names"),
        *("role_path", "role_uuid", "vars", "gather_subset", "discovered_interpreter_python"),
    }
)


def unread(
    raw: Mapping[str, Any], known: Iterable[str], constants: Iterable[str], roles: Iterable[str]
) -> Iterator[Fault]:
    """A fault for each name that is none of those, with the nearest known one. `raw` has the values untemplated."""
    known, constants, roles = set(known), set(constants), list(roles)
    read = _read_by_templates(raw)
    for name in sorted(set(raw) - known - _MAGIC - read):
        if name in constants:
            yield _fault(name, "(a constant)", "remove it: the roles do not let it be changed")
        elif not name.startswith(_OTHERS):
            near = _nearest(name, known, roles)
            instead = "remove it; docs/variables.md lists what there is. A variable of your own begins with my_"
            yield _fault(name, UNKNOWN, f"write {near}" if near else instead)


def _read_by_templates(raw: Mapping[str, Any]) -> set[str]:
    words: set[str] = set()
    for value in raw.values():
        text = str(value)
        if "{{" in text or "{%" in text:
            words |= set(re.findall(r"[A-Za-z_]\w*", text))
    return words


def _nearest(name: str, known: set[str], roles: list[str]) -> str:
    """Also of the names without their role's prefix, which is what is forgotten most."""
    without = {full.removeprefix(f"{role}_"): full for role in roles for full in known if full.startswith(f"{role}_")}
    found = difflib.get_close_matches(name, [*known, *without], n=1, cutoff=0.75)
    if not found or found[0] in known:
        return "".join(found)
    return without[found[0]]


def _fault(name: str, value: str, fix: str) -> Fault:
    return {"name": name, "value": value, "fix": fix}
