"""What one role reads of another is public, documented where it is set, and there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.roles.rendering import ROOT
from tests.roles.role_interfaces import (
    documented_facts,
    private_reads,
    public_facts,
    readers,
    role_names,
    set_nowhere,
)

ROLES = role_names(ROOT)

# Each is written into a copy of the repository's roles and playbooks.
FOREIGN = {
    "a task": ("roles/update/tasks/smoke.yml", "- {ansible.builtin.debug: {msg: '{{ __lock_shown.shown }}'}}"),
    "a condition": ("roles/update/tasks/smoke.yml", "- {ansible.builtin.meta: noop, when: __lock_shown is defined}"),
    "a constant": ("roles/update/vars/main.yml", "_update_holder: '{{ __lock_shown.shown | default(1) }}'"),
    "a template": ("roles/simulator/templates/new.j2", "{{ __lock_shown.shown }}"),
    "the variables of an included role": (
        "roles/update/tasks/smoke.yml",
        "- {ansible.builtin.include_role: {name: verify}, vars: {verify_excused: '{{ __lock_shown.shown }}'}}",
    ),
    "a play": ("playbooks/new.yml", "- {hosts: all, vars: {my_holder: '{{ __lock_shown.shown }}'}}"),
    "a plugin": ("roles/update/action_plugins/new.py", 'def run(task_vars):\n    return task_vars["__lock_shown"]'),
}
UNSET = {
    "a name with a default beside it": (
        "roles/update/tasks/smoke.yml",
        "- {ansible.builtin.debug: {msg: '{{ lock_shwn.shown | default(1) }}'}}",
    ),
    "a name that is asked for first": (
        "roles/update/tasks/smoke.yml",
        "- {ansible.builtin.meta: noop, when: lock_shwn is defined}",
    ),
    "a name in a template": ("roles/simulator/templates/new.j2", "{% if lock_shwn | default(0) %}x{% endif %}"),
    "a name for an included role": (
        "roles/update/tasks/smoke.yml",
        "- {ansible.builtin.include_role: {name: verify}, vars: {verify_excused: '{{ lock_shwn | default([]) }}'}}",
    ),
}


def test_no_role_reads_another_roles_private_variable() -> None:
    assert [str(one) for one in private_reads(ROOT)] == []


def test_every_variable_of_a_role_that_is_read_is_set_somewhere() -> None:
    assert set_nowhere(ROOT) == {}


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_public_facts_are_those_that_it_documents(role: str) -> None:
    assert set(documented_facts(ROOT, role)) == public_facts(ROOT)[role]
    assert [name for name in documented_facts(ROOT, role) if not name.startswith(f"{role}_")] == []


def test_a_public_fact_is_read_by_another_role_or_a_playbook() -> None:
    read = readers(ROOT)
    unread = [name for role, names in public_facts(ROOT).items() for name in names if read.get(name, set()) <= {role}]
    assert unread == []


def _copy(root: Path, path: str, text: str) -> Path:
    """The repository's roles and playbooks below `root`, with one more text in one of the files."""
    for top in ("roles", "playbooks"):
        shutil.copytree(ROOT / top, root / top)
    file = root / path
    file.parent.mkdir(exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f"{text}\n")
    return root


@pytest.mark.parametrize("case", FOREIGN)
def test_a_private_variable_in_another_roles_file_is_found_with_its_line(case: str, tmp_path: Path) -> None:
    path, text = FOREIGN[case]
    (found,) = private_reads(_copy(tmp_path, path, text))
    assert (found.owner, found.variable, str(found.file)) == ("lock", "__lock_shown", path)
    assert "__lock_shown" in (tmp_path / path).read_text("utf-8").splitlines()[found.line - 1]


@pytest.mark.parametrize("case", UNSET)
def test_a_variable_that_nothing_sets_is_found_also_where_a_default_hides_it(case: str, tmp_path: Path) -> None:
    path, text = UNSET[case]
    assert set_nowhere(_copy(tmp_path, path, text)) == {"lock_shwn": {path}}
