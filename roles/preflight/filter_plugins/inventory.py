"""What the inventory says, held against what the roles document."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars
from jinja2 import StrictUndefined, UndefinedError

_ROLE = Path(__file__).resolve().parents[1]
# Ansible finds plugins by their file, and gives them no package of their own.
sys.path.insert(0, str(_ROLE / "files"))

from milkbot_preflight import cross, judge, names, sources, specs  # noqa: E402
from milkbot_preflight.faults import Fault  # noqa: E402

_ROLES = _ROLE.parent
_SHOWN_FILES = 3


class _Values(dict[str, Any]):
    """The values of the variables that the roles document, and a fault for each whose template cannot be rendered."""

    def __init__(self, inventory: Mapping[str, Any], among: Iterable[str]) -> None:
        super().__init__()
        self.faults: list[Fault] = []
        for name in among:
            try:
                value = inventory.get(name)
                # What is undefined somewhere inside shows only when it is used.
                undefined = isinstance(value, StrictUndefined)
                str(value)
            except (AnsibleError, UndefinedError) as error:
                self._refuse(name, error)
                continue
            if undefined:
                self._refuse(name, "it names a variable that is not there")
            elif name in inventory:
                self[name] = value

    def _refuse(self, name: str, reason: object) -> None:
        said = " ".join(str(reason).split())[:200]
        self.faults.append({"name": name, "value": "(a template)", "fix": f"cannot be rendered: {said}"})


def faults(inventory: Mapping[str, Any]) -> list[Fault]:
    """Every fault of a host's variables: unknown and missing names, wrong values, what does not go together."""
    documented = specs.options(_ROLES)
    known = documented.keys() | specs.command_line(_ROLES).keys()
    # A host's variables template themselves when they are read; which of them a template names is in the raw ones.
    raw = getattr(inventory, "_vars", inventory)
    values = _Values(inventory, documented)
    wrong = [fault for name, value in values.items() for fault in judge.faults_of(name, documented[name], value)]
    missing = [
        judge.missing(option) for name, option in documented.items() if option.required and name not in inventory
    ]
    # A host's variables hold the facts of an earlier play too. The command line would override such a fact.
    facts = specs.facts(_ROLES) - load_extra_vars(DataLoader()).keys()
    given = {name: value for name, value in raw.items() if name not in facts}
    unread = names.unread(given, known, specs.constants(_ROLES), specs.role_names(_ROLES))
    return [*unread, *missing, *values.faults, *wrong, *cross.disagreements(values)]


def on_command_line(found: Iterable[Fault], given: Iterable[str] | None = None) -> list[Fault]:
    """The unknown names of those that were given by -e: `bakup=...` would restore another backup."""
    names_given = set(load_extra_vars(DataLoader()) if given is None else given)
    return [fault for fault in found if fault["name"] in names_given and fault["value"] == names.UNKNOWN]


def of_format(inventory: Mapping[str, Any], kind: str) -> dict[str, str]:
    """The variables whose value has to have a format, with the value that the inventory gives."""
    among = [name for name, option in specs.options(_ROLES).items() if option.rule.get("format") == kind]
    return {name: str(value) for name, value in _Values(inventory, among).items() if str(value).strip()}


def refused(values: Mapping[str, str], said: str) -> list[Fault]:
    """Variables whose value a program on the host has refused: it quotes what it does not understand."""
    documented = specs.options(_ROLES)
    return [judge.fault(name, documented[name], value) for name, value in values.items() if f"'{value}'" in said]


def files(paths: Iterable[str], host: str) -> dict[str, list[Fault]]:
    """What is wrong in the inventory's own files, as faults and as warnings."""
    paths = list(paths)
    secret = {name for name, option in specs.options(_ROLES).items() if option.secret}
    plain, readable = sources.plain_secrets(paths, secret)
    return {"faults": plain + sources.written_twice(paths, host), "warnings": readable}


def version(answer: Mapping[str, Any], asked: str) -> list[Fault]:
    """The answer of release_source, when it is a refusal; no answer is none."""
    if not answer or answer.get("skipped") or "commit" in answer:
        return []
    said = str(answer.get("msg", "it cannot be read"))
    heading, *changes = said.splitlines()
    if "not committed" not in heading or not changes:
        return [{"name": "version", "value": asked, "fix": " ".join(said.split())}]
    *files, fix = changes
    more = f" and {len(files) - _SHOWN_FILES} more" if len(files) > _SHOWN_FILES else ""
    return [
        {
            "name": "checkout",
            "value": f"{', '.join(map(_path, files[:_SHOWN_FILES]))}{more}",
            "fix": f"not committed. {fix}",
        }
    ]


def packages(answer: Mapping[str, Any]) -> list[Fault]:
    """The answer of release_forecasters, when it is a refusal; no answer is none."""
    if not answer or answer.get("skipped") or "wheels" in answer:
        return []
    said = " ".join(str(answer.get("msg", "they cannot be read")).split())
    return [{"name": "release_forecaster_packages", "value": "not installable", "fix": said}]


def _path(line: str) -> str:
    """The path in a line of git status --porcelain."""
    return line[3:]


def renamed(found: Iterable[Fault], old: str, new: str) -> list[Fault]:
    """Faults that one role found in another's variable, under that variable's name."""
    return [
        {**fault, "name": fault["name"].replace(old, new), "fix": fault["fix"].replace(old, new)} for fault in found
    ]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "preflight_faults": faults,
            "preflight_on_command_line": on_command_line,
            "preflight_of_format": of_format,
            "preflight_refused": refused,
            "preflight_files": files,
            "preflight_renamed": renamed,
            "preflight_version": version,
            "preflight_packages": packages,
        }
