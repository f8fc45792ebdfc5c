"""What preflight says of the files of an inventory: secrets in plain text, and a host that is written twice."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.roles.rendering import plugin

INVENTORY = plugin("preflight/filter_plugins/inventory.py")
SECRET = "environment_postgres_password: hush\nenvironment_kalshi_api_key_id: id\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """An inventory in a checkout; its vault is not written yet."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "group_vars/all").mkdir(parents=True)
    (tmp_path / "hosts.yml").write_text("milkbot: {hosts: {vps: {ansible_host: 192.0.2.1}}}\n", encoding="utf-8")
    return tmp_path


def vault(checkout: Path, text: str = SECRET, mode: int = 0o600) -> Path:
    path = checkout / "group_vars/all/vault.yml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_vault_in_plain_text_that_git_would_take_is_refused(checkout: Path) -> None:
    path = vault(checkout)
    found = INVENTORY.files([str(checkout / "hosts.yml")], "vps")
    assert found["faults"] == [
        {
            "name": "vault.yml",
            "value": "(not encrypted)",
            "fix": "holds environment_postgres_password in plain text, and git would take it; "
            f"run: ansible-vault encrypt {path}",
        }
    ]
    assert INVENTORY.files([str(checkout)], "vps") == found
    assert "hush" not in str(found)


def test_an_encrypted_vault_is_accepted(checkout: Path) -> None:
    vault(checkout, "$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    assert INVENTORY.files([str(checkout)], "vps") == {"faults": [], "warnings": []}


def test_an_encrypted_value_in_a_plain_file_is_accepted(checkout: Path) -> None:
    vault(checkout, "environment_postgres_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n")
    assert INVENTORY.files([str(checkout)], "vps") == {"faults": [], "warnings": []}


def test_an_example_without_secrets_is_accepted(checkout: Path) -> None:
    vault(checkout, 'environment_postgres_password: ""\nenvironment_log_level: DEBUG\n')
    assert INVENTORY.files([str(checkout)], "vps") == {"faults": [], "warnings": []}


def test_a_plain_file_that_git_ignores_is_accepted_if_it_is_private(checkout: Path) -> None:
    (checkout / ".gitignore").write_text("vault.yml\n", encoding="utf-8")
    path = vault(checkout)
    assert INVENTORY.files([str(checkout)], "vps") == {"faults": [], "warnings": []}
    path.chmod(0o644)
    (warning,) = INVENTORY.files([str(checkout)], "vps")["warnings"]
    assert f"chmod 600 {path}" in warning["fix"]


def test_a_plain_file_outside_of_a_checkout_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "group_vars/all").mkdir(parents=True)
    vault(tmp_path)
    assert INVENTORY.files([str(tmp_path)], "vps") == {"faults": [], "warnings": []}


TWICE = """
milkbot:
  hosts:
    vps: {ansible_host: 192.0.2.1, ansible_user: admin}
others:
  children:
    web:
      hosts:
        vps: {ansible_host: 192.0.2.2, ansible_user: admin}
        vps2: {ansible_host: 192.0.2.3}
"""
TWICE_IN_INI = "[milkbot]\nvps ansible_host=192.0.2.1 ansible_user=admin # the one\n[web]\nvps ansible_host=192.0.2.2\n"


@pytest.mark.parametrize(("name", "text"), [("hosts.yml", TWICE), ("hosts", TWICE_IN_INI), ("hosts.ini", TWICE_IN_INI)])
def test_a_host_with_two_addresses_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    wanted = {
        "name": "ansible_host of vps",
        "value": "'192.0.2.1' in group milkbot, '192.0.2.2' in group web",
        "fix": "write it once: in one group, or in host_vars",
    }
    assert INVENTORY.files([str(tmp_path / name)], "vps")["faults"] == [wanted]
    assert INVENTORY.files([str(tmp_path)], "vps")["faults"] == [wanted]
    assert INVENTORY.files([str(tmp_path)], "vps2")["faults"] == []


def test_a_list_of_hosts_on_the_command_line_is_not_read_as_a_file(tmp_path: Path) -> None:
    assert INVENTORY.files(["vps,", str(tmp_path / "gone")], "vps") == {"faults": [], "warnings": []}
