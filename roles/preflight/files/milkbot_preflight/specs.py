"""What the roles document of their variables: meta/argument_specs.yml, and the limits in meta/values.yml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from milkbot_preflight.limits_of_settings import Rule, limits_of_settings

# Ansible's marks for code and for an option.
_MARKUP = re.compile(r"\b[CO]\(([^)]*)\)")
# The option whose own options have the limits of the program that reads them.
_OF_SETTINGS = "environment_trading"


@dataclass(frozen=True, slots=True)
class Option:
    """One variable, or one key of a dictionary."""

    name: str
    spec: Mapping[str, Any]
    rule: Rule = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)

    @property
    def type(self) -> str:
        return str(self.spec.get("type", "str"))

    @property
    def secret(self) -> bool:
        return bool(self.spec.get("no_log"))

    @property
    def required(self) -> bool:
        return bool(self.spec.get("required"))

    @property
    def default(self) -> Any:
        return self.spec.get("default", self.rule.get("default"))

    @property
    def may_be_empty(self) -> bool:
        """Where the default is empty, an empty value means none."""
        return not self.required and self.default in ("", [], {}) and not self.rule.get("not_empty")

    @property
    def choices(self) -> list[Any]:
        found: list[Any] = self.spec.get("choices") or self.rule.get("choices") or []
        return found

    @property
    def purpose(self) -> str:
        description = self.spec["description"]
        text = description if isinstance(description, str) else " ".join(description)
        return _MARKUP.sub(r"\1", text)

    @property
    def of_an_element(self) -> Option:
        """What one element of a list has to be."""
        spec = {**self.spec, "type": self.spec.get("elements", "str"), "default": None}
        return Option(self.name, spec, self.rule.get("each", {}), self.options)


@cache
def options(roles: Path) -> dict[str, Option]:
    """Every variable that the roles below a directory document, by its name."""
    limits = limits_of_settings(roles.parent / "app/milkbot")
    found: dict[str, Option] = {}
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        specs = _read(path)["argument_specs"]["main"].get("options", {})
        rules = _read(path.with_name("values.yml"))
        if strangers := rules.keys() - specs.keys():
            raise ValueError(
                f"{path.with_name('values.yml')} names {', '.join(sorted(strangers))}, which {path} does not"
            )
        for name, spec in specs.items():
            rule = {"options": limits} if name == _OF_SETTINGS else rules.get(name, {})
            found[name] = _option(name, spec, rule)
    return found


def _option(name: str, spec: Mapping[str, Any], rule: Rule) -> Option:
    inner, other = rule.get("options", {}), rule.get("other_options", {})
    below = {key: _option(key, value, inner.get(key, other)) for key, value in spec.get("options", {}).items()}
    return Option(name, spec, rule, below)


@cache
def constants(roles: Path) -> frozenset[str]:
    """Variables of the roles that an inventory cannot set."""
    return frozenset(name for path in roles.glob("*/vars/main.yml") for name in _read(path))


@cache
def facts(roles: Path) -> frozenset[str]:
    """Variables that the roles' own tasks set for other roles: an earlier play of the run may have set them."""
    return frozenset(name for path in roles.glob("*/meta/facts.yml") for name in _read(path))


@cache
def command_line(roles: Path) -> dict[str, str]:
    """Variables that are given by -e on the command line, and what each is for."""
    found: dict[str, str] = _read(roles / "preflight/files/command_line.yml")
    return found


def role_names(roles: Path) -> list[str]:
    return sorted(path.parent.parent.name for path in roles.glob("*/meta/argument_specs.yml"))


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.exists() else {}
