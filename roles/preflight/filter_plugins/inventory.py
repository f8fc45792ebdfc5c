"""What the inventory says, held against what the roles document."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

Problem = dict[str, str]
Spec = Mapping[str, Any]

_MASK = "(secret, not shown)"


def argument_specs(roles_dir: str) -> dict[str, Spec]:
    """Options of every role below `roles_dir`, by variable name."""
    options: dict[str, Spec] = {}
    for path in sorted(Path(roles_dir).glob("*/meta/argument_specs.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        options |= document["argument_specs"]["main"].get("options", {})
    return options


def role_names(roles_dir: str) -> list[str]:
    return sorted(path.parent.parent.name for path in Path(roles_dir).glob("*/meta/argument_specs.yml"))


def unknown_variables(names: Iterable[str], specs: Mapping[str, Spec], roles: Iterable[str]) -> list[Problem]:
    """Variables that carry a role's prefix, but that no role knows: a typing error that would be silently ignored."""
    prefixes = tuple(f"{role}_" for role in roles)
    problems = []
    for name in sorted(set(names) - set(specs)):
        if not name.startswith(prefixes):
            continue
        near = difflib.get_close_matches(name, specs, n=1)
        documented = f"roles/{name.split('_')[0]}/meta/argument_specs.yml"
        fix = f"write {near[0]}" if near else f"remove it; {documented} lists what exists"
        problems.append({"name": name, "value": "(unknown variable)", "fix": fix})
    return problems


def invalid_variables(values: Mapping[str, Any], specs: Mapping[str, Spec]) -> list[Problem]:
    """Variables that are missing although required, or whose value does not fit their specification."""
    problems = []
    for name, spec in sorted(specs.items()):
        if name not in values:
            if spec.get("required"):
                problems.append({"name": name, "value": "(not set)", "fix": f"set it: {_purpose(spec)}"})
            continue
        errors = ArgumentSpecValidator({name: _checkable(spec)}).validate({name: values[name]}).error_messages
        if errors:
            value = _MASK if spec.get("no_log") else repr(values[name])
            fix = f"give {_expected(spec)}: {_purpose(spec)}"
            problems.append({"name": name, "value": value, "fix": fix})
    return problems


def _checkable(spec: Spec) -> dict[str, Any]:
    """The part of a specification that the validator knows; a role's documentation keys are not in it."""
    known = {"type", "choices", "elements", "options", "required"}
    checkable = {key: value for key, value in spec.items() if key in known}
    if "options" in checkable:
        checkable["options"] = {name: _checkable(option) for name, option in checkable["options"].items()}
    return checkable


def _expected(spec: Spec) -> str:
    if "choices" in spec:
        return "one of " + ", ".join(str(choice) for choice in spec["choices"])
    elements = f" of {spec['elements']}" if "elements" in spec else ""
    return f"a value of type {spec.get('type', 'str')}{elements}"


def _purpose(spec: Spec) -> str:
    description = spec["description"]
    return description if isinstance(description, str) else " ".join(description)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "preflight_specs": argument_specs,
            "preflight_roles": role_names,
            "preflight_unknown": unknown_variables,
            "preflight_invalid": invalid_variables,
        }
