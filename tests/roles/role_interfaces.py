"""Which variables of a role other roles read, and which names nothing sets: by the text of the files, without a host.

A variable whose name begins with `_ROLE_` or `__ROLE_` is private to that role. What another role or a playbook reads
has a public name, ROLE_thing: an option, a constant in the role's vars, or a fact that the role's `meta/facts.yml`
documents.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from tests.roles.play_variables import CONDITIONS, names_in

_TEXTS = (".yml", ".yaml", ".j2", ".example")
# Each holds files that read the roles' variables; a role's own files are below roles/ROLE.
_TOPS = ("roles", "playbooks", "molecule", "inventories")


@dataclass(frozen=True, slots=True)
class Foreign:
    """A private variable in a file that is not its role's."""

    role: str
    file: Path
    line: int
    variable: str
    owner: str

    def __str__(self) -> str:
        return f"{self.role or 'no role'}: {self.file}:{self.line}: {self.variable} is private to {self.owner}"


@dataclass(slots=True)
class _Found:
    """The names of a set of YAML files: what tasks and vars set, and where an expression reads what."""

    given: set[str] = field(default_factory=set)
    facts: dict[str, set[str]] = field(default_factory=dict)
    read: dict[str, set[str]] = field(default_factory=dict)


def role_names(root: Path) -> list[str]:
    """Roles of the repository at `root`."""
    return sorted(path.name for path in (root / "roles").iterdir())


def private_reads(root: Path) -> list[Foreign]:
    """Every use of a role's private variable outside of that role."""
    pattern = re.compile(rf"(?<![A-Za-z0-9_])__?({_alternatives(root)})_[A-Za-z0-9_]+")
    return [
        Foreign(_role(path), path, number, match[0], match[1])
        for path in (file.relative_to(root) for file in _files(root))
        for number, text in _texts(root / path)
        for match in pattern.finditer(text)
        if match[1] != _role(path)
    ]


def set_nowhere(root: Path) -> dict[str, set[str]]:
    """Names of roles' variables that an expression reads, also one with a default, and nothing sets."""
    found = _all_names(root)
    owned = re.compile(rf"_{{0,2}}({_alternatives(root)})_")
    known = found.given | {name for names in found.facts.values() for name in names}
    return {name: files for name, files in found.read.items() if owned.match(name) and name not in known}


def public_facts(root: Path) -> dict[str, set[str]]:
    """Facts with a public name that the tasks of each role set."""
    facts = _all_names(root).facts
    return {role: {name for name in facts.get(role, set()) if not name.startswith("_")} for role in role_names(root)}


def readers(root: Path) -> dict[str, set[str]]:
    """The roles that read a name; the empty one stands for the playbooks."""
    return {name: {_role(Path(file)) for file in files} for name, files in _all_names(root).read.items()}


def documented_facts(root: Path, role: str) -> dict[str, str]:
    """What a role sets for others, each with its purpose."""
    path = root / "roles" / role / "meta/facts.yml"
    found: dict[str, str] = _yaml(path) if path.exists() else {}
    return found


def _alternatives(root: Path) -> str:
    return "|".join(sorted(role_names(root), key=len, reverse=True))


def _files(root: Path) -> Iterator[Path]:
    below = (path for top in _TOPS for path in sorted((root / top).rglob("*")))
    for path in (*below, *sorted(root.glob("*.yml"))):
        if path.is_file() and path.suffix in (*_TEXTS, ".py"):
            yield path


def _role(relative: Path) -> str:
    return relative.parts[1] if relative.parts[0] == "roles" else ""


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a file, with their numbers; of Python the strings, for a plugin names a variable by one."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(source.splitlines(), start=1)
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _yaml(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)


class _Loader(yaml.SafeLoader):
    """YAML with Ansible's own tags, whose values are of no interest."""


def _nothing(*_arguments: Any) -> None:
    """For whatever tag."""


_Loader.add_multi_constructor("!", _nothing)


@cache
def _all_names(root: Path) -> _Found:
    found = _Found(given=set(_yaml(root / "roles/preflight/files/command_line.yml")))
    for path in _files(root):
        relative = path.relative_to(root)
        if path.suffix == ".j2":
            _note(found, str(relative), path.read_text(encoding="utf-8"))
        elif path.suffix in (".yml", ".yaml", ".example"):
            _names_of(found, relative, _yaml(path))
    return found


def _names_of(found: _Found, relative: Path, content: Any) -> None:
    if relative.match("roles/*/meta/*"):
        # A default in the documentation is the one in the role's defaults.
        if relative.name == "argument_specs.yml":
            found.given |= set(content["argument_specs"]["main"].get("options") or {})
        return
    if relative.match("roles/*/vars/*") or relative.match("roles/*/defaults/*") or relative.parts[0] == "inventories":
        found.given |= set(content or {})
    _walk(found, relative, content)


def _walk(found: _Found, relative: Path, value: Any, *, condition: bool = False) -> None:
    if isinstance(value, str):
        _note(found, str(relative), value, expression=condition)
    elif isinstance(value, list):
        for inner in value:
            _walk(found, relative, inner, condition=condition)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _note(found, str(relative), str(key))
            _set_by(found, _role(relative), str(key), inner)
            _walk(found, relative, inner, condition=str(key) in (*CONDITIONS, "that", "var"))


def _set_by(found: _Found, role: str, key: str, value: Any) -> None:
    if key == "register":
        found.facts.setdefault(role, set()).add(value)
    elif key == "ansible.builtin.set_fact":
        found.facts.setdefault(role, set()).update(value)
    elif key == "vars":
        found.given |= set(value)
    elif key in {"loop_var", "index_var"}:
        found.given.add(value)


def _note(found: _Found, file: str, text: str, *, expression: bool = False) -> None:
    names = names_in(text, expression=expression)
    found.given |= names.given
    for name in names.read:
        found.read.setdefault(name, set()).add(file)
