"""drift.yml's own run in check mode, on this machine and with a playbook of the tests'."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.patience import PATIENCE
from tests.roles.rendering import ROOT

DESCRIBED = """\
- name: The code
  hosts: all
  gather_facts: false
  tasks:
    - name: Write a file
      ansible.builtin.copy:
        content: |
          mode = {{ 'check' if ansible_check_mode else 'real' }}
          word = {{ environment_postgres_password }}
        dest: "{{ playbook_dir }}/plain.conf"
        mode: "0600"
    - name: Write the secrets
      ansible.builtin.copy:
        content: "{{ environment_postgres_password }}"
        dest: "{{ playbook_dir }}/secret.conf"
        mode: "0600"
      no_log: true
"""
LOOK = """\
- name: Drift
  hosts: all
  gather_facts: false
  tags: always
  tasks:
    - name: Look
      ansible.builtin.import_role:
        name: drift
      vars:
        _drift_playbook: "{{ playbook_dir }}/described.yml"
"""
PASSWORD = "correct-horse-battery"


def _run(program: str, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    command = [str(Path(sys.executable).with_name(program)), *options]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=cwd, env=environment, timeout=PATIENCE
    )


@pytest.fixture
def control_node(tmp_path: Path) -> Path:
    """A directory with an inventory whose variables are in a vault."""
    (tmp_path / "described.yml").write_text(DESCRIBED, "utf-8")
    (tmp_path / "drift.yml").write_text(LOOK, "utf-8")
    python = sys.executable
    host = f"all: {{hosts: {{here: {{ansible_connection: local, ansible_python_interpreter: {python}}}}}}}\n"
    (tmp_path / "hosts.yml").write_text(host, "utf-8")
    (tmp_path / "vault-password").write_text("of the vault\n", "utf-8")
    (tmp_path / "group_vars").mkdir()
    variables = tmp_path / "group_vars/all.yml"
    variables.write_text(f"environment_postgres_password: {PASSWORD}\n", "utf-8")
    done = _run("ansible-vault", "encrypt", "--vault-password-file", "vault-password", str(variables), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_drift_fails_on_a_difference_and_shows_no_secret(control_node: Path) -> None:
    options = ("-i", "hosts.yml", "--vault-password-file", "vault-password")
    plain = control_node / "plain.conf"
    plain.write_text("mode = by hand\nword = before\n", "utf-8")
    (control_node / "secret.conf").write_text("an-older-word", "utf-8")
    found = _run("ansible-playbook", *options, "drift.yml", cwd=control_node)
    assert found.returncode != 0
    shown = found.stdout + found.stderr
    assert f"file  {plain}  (Write a file)" in shown
    assert "-mode = by hand" in shown
    # Every role runs in check mode.
    assert "+mode = check" in shown
    assert "file  Write the secrets" in shown
    assert PASSWORD not in shown
    assert "an-older-word" not in shown
    assert plain.read_text("utf-8") == "mode = by hand\nword = before\n"

    plain.write_text(f"mode = check\nword = {PASSWORD}\n", "utf-8")
    (control_node / "secret.conf").write_text(PASSWORD, "utf-8")
    for path in (plain, control_node / "secret.conf"):
        path.chmod(0o600)
    clean = _run("ansible-playbook", *options, "drift.yml", cwd=control_node)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "nothing differs" in clean.stdout


def test_drift_fails_on_a_host_that_it_cannot_check(control_node: Path) -> None:
    (control_node / "described.yml").write_text("- name: No playbook\n  hosts: all\n  taks: []\n", "utf-8")
    options = ("-i", "hosts.yml", "--vault-password-file", "vault-password")
    found = _run("ansible-playbook", *options, "drift.yml", cwd=control_node)
    assert found.returncode != 0
    assert "could not be checked" in found.stdout + found.stderr
