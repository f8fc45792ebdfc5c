"""What each task of a playbook reads, and what Ansible has loaded by then: without a host, by Ansible's own loader.

A name is loaded in a task where its role, the roles of its dependency chain, a role that the play imports, the play, a
parent or an earlier task gives it. A role that is included gives its names to nobody but its own tasks, unless it is
included for all of the play; and under a condition only to the tasks under that condition.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import jinja2
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.helpers import load_list_of_blocks
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task_include import TaskInclude
from ansible.vars.manager import VariableManager
from jinja2 import meta, nodes
from tests.roles.rendering import ROLES, load_plugins

# What Ansible itself gives to a task, in addition to what its variable manager knows without a host.
_MAGIC = {
    *("inventory_dir", "inventory_hostname", "inventory_hostname_short", "hostvars", "vars", "ansible_host"),
    *("ansible_failed_task", "ansible_failed_result", "ansible_loop", "omit", "lookup", "query", "q", "now", "undef"),
    *("ansible_user", "ansible_ssh_private_key_file", "ansible_managed", "item", "ansible_parent_role_names"),
    *("ansible_check_mode", "ansible_inventory_sources", "ansible_run_tags", "ansible_skip_tags", "ansible_port"),
}
CONDITIONS = ("when", "changed_when", "failed_when", "until")
_TEMPLATES = (
    "args",
    "loop",
    "environment",
    "delegate_to",
    "become_user",
    "retries",
    "delay",
    "name",
    "loop_with",
    "no_log",
)


@dataclass(frozen=True, slots=True)
class Missing:
    """A name that a task reads, and that nothing has loaded."""

    playbook: str
    task: str
    name: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.playbook}: {self.task}: {' -> '.join((*self.path, self.name))}"


@dataclass(slots=True)
class _Names:
    """Names in an expression: what is read, tested for being there, or given, and files that are templates of more."""

    read: set[str] = field(default_factory=set)
    guarded: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    templates: set[str] = field(default_factory=set)

    def __ior__(self, other: _Names) -> Self:
        self.read |= other.read
        self.guarded |= other.guarded
        self.given |= other.given
        self.templates |= other.templates
        return self


class _Anything(dict[str, Any]):
    """Filters and tests by name: what they do is of no interest."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> Any:
        return lambda *_arguments, **_named: None

    def get(self, key: str, _default: Any = None) -> Any:
        return self[key]


_JINJA = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])  # never rendered
_JINJA.filters = _Anything()
_JINJA.tests = _Anything()


@cache
def names_in(text: str, *, expression: bool = False) -> _Names:
    """Names that a text's expressions read; with `expression` the text is one, without braces."""
    found = _Names()
    if not expression and "{" not in text:
        return found
    with warnings.catch_warnings():
        # Jinja itself reads a pattern's backslashes like Python does.
        warnings.simplefilter("ignore", DeprecationWarning)
        tree = _JINJA.parse("{{ " + text + " }}" if expression else text)
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        tested = isinstance(node, nodes.Test) and node.name in {"defined", "undefined"}
        if tested or (isinstance(node, nodes.Filter) and node.name in {"default", "d"}):
            found.guarded |= _root(node.node)
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in {"lookup", "query"} and call.args:
            kind, *rest = [str(argument.value) for argument in call.args if isinstance(argument, nodes.Const)]
            if kind == "ansible.builtin.template":
                found.templates |= set(rest)
                found.given |= {
                    pair.key.value
                    for named in call.kwargs
                    if named.key == "template_vars" and isinstance(named.value, nodes.Dict)
                    for pair in named.value.items
                    if isinstance(pair.key, nodes.Const)
                }
    # What a template is given with its name, it need not look for.
    found.guarded |= found.given
    found.read = set(meta.find_undeclared_variables(tree))
    return found


def _root(node: nodes.Node | None) -> set[str]:
    while isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Filter):
        node = node.node
    return {node.name} if isinstance(node, nodes.Name) else set()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(key)
            yield from _strings(inner)
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from _strings(inner)


def _names(value: Any) -> _Names:
    found = _Names()
    for text in _strings(value):
        found |= names_in(text)
    return found


def required() -> set[str]:
    """Options that every inventory has to give."""
    found: set[str] = set()
    for path in ROLES.glob("*/meta/argument_specs.yml"):
        options = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"].get("options") or {}
        found |= {name for name, option in options.items() if option.get("required")}
    return found


class Reader:
    """Goes through a playbook's tasks in their order, into every role and file that they include."""

    def __init__(self, playbook: Path) -> None:
        load_plugins()
        self._playbook = playbook
        self._loader = DataLoader()
        self._loader.set_basedir(str(playbook.parent))
        inventory = InventoryManager(loader=self._loader, sources=["localhost,"])
        self._manager = VariableManager(loader=self._loader, inventory=inventory)
        self._required = required()
        self._set: set[str] = set()
        self._within: list[str] = []
        self._loops: list[set[str]] = []
        self._found: dict[tuple[str, str], Missing] = {}

    def missing(self) -> list[Missing]:
        """Every name that a task reads and nothing loaded, once for each task."""
        for play in Playbook.load(str(self._playbook), variable_manager=self._manager, loader=self._loader).get_plays():
            blocks = play.compile()
            self._set |= {prompt["name"] for prompt in play.vars_prompt or []}
            if play.gather_facts in (None, True):
                self._set.add("ansible_facts")
            self._blocks(play, blocks)
            self._blocks(play, play.handlers)
        return list(self._found.values())

    def _blocks(self, play: Any, blocks: list[Any]) -> None:
        for block in blocks:
            if not isinstance(block, Block):
                self._task(play, block)
                continue
            before, roles = set(self._set), list(play.roles)
            self._blocks(play, block.block)
            after = self._set
            # Which task of the block failed is not known: what it sets may not be there.
            self._set = set(before)
            self._blocks(play, block.rescue)
            self._set = before | (after & self._set if block.rescue else before)
            self._blocks(play, block.always)
            self._set |= after
            if block.when:
                # Ansible keeps there a role that is included for all.
                play.roles = roles

    def _task(self, play: Any, task: Any) -> None:
        if task.action == "ansible.builtin.meta" or task.implicit:
            return
        control = task.loop_control
        self._loops.append({name for name in (control.loop_var, control.index_var) if name} if control else set())
        self._check(play, task)
        if isinstance(task, IncludeRole):
            # The roles of a loop stand in it.
            for name in task.loop if "{{ item }}" in task._role_name else [task._role_name]:  # noqa: SLF001
                task._role_name = name  # noqa: SLF001 - as the include does when it is run
                blocks, _handlers = task.get_block_list(play=play, variable_manager=self._manager, loader=self._loader)
                self._blocks(play, blocks)
        elif isinstance(task, TaskInclude):
            self._include(play, task)
        self._loops.pop()
        self._set |= self._sets(task)

    def _include(self, play: Any, task: Any) -> None:
        """As Ansible's strategies do it."""
        name = task.args.get("_raw_params") or task.args["file"]
        base = _directory(task, "tasks") if _role(task) else self._playbook.parent
        path = str(base / name)
        if path in self._within:  # It goes on with itself, until a condition ends it.
            return
        self._within.append(path)
        ti_copy = task.copy()
        ti_copy.vars = copy.copy(task.vars)
        blocks = load_list_of_blocks(
            self._loader.load_from_file(path, trusted_as_template=True),
            play=play,
            parent_block=ti_copy.build_parent_block(),
            role=_role(task),
            loader=self._loader,
            variable_manager=self._manager,
        )
        self._blocks(play, blocks)
        self._within.pop()

    def _sets(self, task: Any) -> set[str]:
        names = {task.register} if task.register else set()
        if task.action == "ansible.builtin.set_fact":
            names |= {name for name in task.args if name != "cacheable"}
        if task.action == "ansible.builtin.setup":
            names.add("ansible_facts")
        if task.action == "ansible.builtin.include_vars":
            files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in self._vars_files(task)]
            names |= set.intersection(*map(set, files))
        return names

    def _vars_files(self, task: Any) -> list[Path]:
        """Those that the file's name can stand for; each has to hold what is read."""
        pattern = task.args.get("file") or task.args["_raw_params"]
        pattern = (
            pattern[: pattern.index("{{")] + "*-*" + pattern[pattern.index("}}") + 2 :] if "{{" in pattern else pattern
        )
        return sorted((_directory(task, "vars")).glob(pattern))

    def _check(self, play: Any, task: Any) -> None:
        variables = self._manager.get_vars(play=play, task=task)
        known = {*variables, *self._set, *self._required, *_MAGIC, *set().union(*self._loops)}
        wanted = self._reads(task)
        if task.register:
            # A condition of the task's own reads its result.
            known.add(task.register)
        for name, path in self._closure(task, wanted, variables).items():
            if name not in known:
                label = task.get_name()
                self._found.setdefault((label, name), Missing(self._playbook.stem, label, name, path))

    def _reads(self, task: Any) -> _Names:
        found = _Names()
        for attribute in _TEMPLATES:
            found |= _names(getattr(task, attribute, None))
        for attribute in CONDITIONS:
            for condition in _as_list(getattr(task, attribute, None)):
                if isinstance(condition, str):
                    found |= names_in(condition, expression=True)
        for condition in _as_list(task.args.get("that") if task.action == "ansible.builtin.assert" else None):
            found |= names_in(condition, expression=True)
        if task.action == "ansible.builtin.debug" and "var" in task.args:
            found |= names_in(task.args["var"], expression=True)
        if task.action == "ansible.builtin.template":
            found.templates.add(task.args["src"])
        return found

    def _closure(self, task: Any, wanted: _Names, variables: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Each name that is read in the end, with the names and templates that lead to it."""
        seen: dict[str, tuple[str, ...]] = {}
        stack: list[tuple[_Names, tuple[str, ...]]] = [(wanted, ())]
        guarded = set(wanted.guarded)
        while stack:
            names, path = stack.pop()
            guarded |= names.guarded
            for template in names.templates:
                if (key := f"template {template}") not in seen:
                    seen[key] = path
                    stack.append((names_in(self._template(task, template)), (*path, template)))
            for name in names.read - set(seen):
                seen[name] = path
                if name in variables:
                    stack.append((_names(variables[name]), (*path, name)))
        return {name: path for name, path in seen.items() if name not in guarded and not name.startswith("template ")}

    def _template(self, task: Any, name: str) -> str:
        """Text of a template; a role's constants may name those of the role that they stand in."""
        own, others = _directory(task, "templates") / name, sorted(ROLES.glob(f"*/templates/{name}"))
        return next(path for path in (own, *others) if path.is_file()).read_text(encoding="utf-8")


def _role(task: Any) -> Any:
    return task._role  # noqa: SLF001 - Ansible has no other way to ask


def _directory(task: Any, name: str) -> Path:
    return Path(_role(task).get_role_path()) / name


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
