"""Every name that a playbook's tasks read is loaded in that playbook, whatever an inventory leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.roles.play_variables import Reader
from tests.roles.rendering import ROOT

PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))

# What the order of the tasks does not show: a name that is read only where another one says that it was set.
SET_WHERE_READ = {
    ("site", "__recovery_fetched"): "_recovery_chosen reads it only once __recovery_restored is there",
    ("site", "dumps_brought"): "_recovery_chosen reads it only once __recovery_restored is there",
    ("update", "__update_schema_before"): "return_schema.yml runs only when __update_migrated",
    ("update", "__update_staged"): "return_schema.yml runs only when __update_migrated",
    ("update", "__update_backup"): "return_schema.yml runs only when __update_migrated",
}

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
{tasks}
"""
UNLOADED = {
    "a default of a role that the play does not run": (
        "simulator_enabled",
        "- {ansible.builtin.import_role: {name: lock}}\n- {ansible.builtin.debug: {msg: '{{ simulator_enabled }}'}}",
    ),
    "a default of a role that is included, after it": (
        "lock_wait",
        "- {ansible.builtin.include_role: {name: lock}}\n- {ansible.builtin.debug: {msg: '{{ lock_wait }}'}}",
    ),
    "a default of a role that is included for all, under a condition, after it": (
        "lock_wait",
        (
            "- block:\n  - {ansible.builtin.include_role: {name: lock, public: true}}\n"
            "  when: inventory_dir is defined\n"
            "- {ansible.builtin.debug: {msg: '{{ lock_wait }}'}}"
        ),
    ),
    "the result of a task that may not have run": (
        "told",
        "- block:\n  - {ansible.builtin.ping: , register: told}\n  rescue:\n  - {ansible.builtin.debug: {var: told}}",
    ),
    "a name in a condition": ("absent", "- {ansible.builtin.debug: {msg: x}, when: 1 == 1 and absent | bool}"),
    "a name behind another one": (
        "absent",
        "- {ansible.builtin.debug: {msg: '{{ a }}'}, vars: {a: '{{ b }}', b: '{{ absent }}'}}",
    ),
    "a fact where none are gathered": (
        "ansible_facts",
        "- {ansible.builtin.debug: {msg: \"{{ ansible_facts['os'] }}\"}}",
    ),
}
LOADED = {
    "a default of a role that the play imports": (
        "- {ansible.builtin.import_role: {name: lock}}\n- {ansible.builtin.debug: {msg: '{{ lock_wait }}'}}"
    ),
    "a default of a role that is included for all": (
        "- {ansible.builtin.include_role: {name: lock, public: true}}\n"
        "- {ansible.builtin.debug: {msg: '{{ lock_wait }}'}}"
    ),
    "a name with a default beside it": "- {ansible.builtin.debug: {msg: '{{ absent | default(1) }}'}}",
    "a name that is asked for first": "- {ansible.builtin.debug: {msg: '{{ absent }}'}, when: absent is defined}",
    "what an earlier task set": (
        "- {ansible.builtin.set_fact: {told: 1}}\n- {ansible.builtin.debug: {msg: '{{ told }}'}}"
    ),
}


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_a_playbook_loads_every_variable_that_its_tasks_read(playbook: Path) -> None:
    missing = [one for one in Reader(playbook).missing() if (one.playbook, one.name) not in SET_WHERE_READ]
    assert [str(one) for one in missing] == []


def _missing(tasks: str, directory: Path) -> set[str]:
    playbook = directory / "play.yml"
    indented = "".join(f"    {line}\n" for line in tasks.splitlines())
    playbook.write_text(PLAY.format(tasks=indented), encoding="utf-8")
    return {one.name for one in Reader(playbook).missing()}


@pytest.mark.parametrize("case", UNLOADED)
def test_a_variable_that_is_not_loaded_is_found(case: str, tmp_path: Path) -> None:
    name, tasks = UNLOADED[case]
    assert name in _missing(tasks, tmp_path)


@pytest.mark.parametrize("case", LOADED)
def test_a_variable_that_is_loaded_is_not_reported(case: str, tmp_path: Path) -> None:
    assert _missing(LOADED[case], tmp_path) == set()
