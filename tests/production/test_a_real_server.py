"""The README's "A real server", executed as it is written, leads to a server that runs."""

from __future__ import annotations

import re

from tests.production.reader import Reader, changed, section, steps, succeeded


def test_each_step_of_a_real_server_works_as_written(reader: Reader) -> None:
    assert list(reader.said) == steps()
    assert "256 SHA256:" in reader.said["ssh-keygen -l -f inventories/production/known_hosts.txt"]
    assert reader.history()[-1]["action"] == "provision"
    page = f"https://milkbot.test/ --resolve milkbot.test:443:{reader.address} --cacert .local/trial/tls/ca.pem"
    assert "<html" in succeeded(reader.type(f"curl --silent --fail {page}"))


def test_preflight_and_check_mode_succeed_on_a_bare_server(reader: Reader) -> None:
    for option in ("--tags preflight", "--check"):
        (command,) = [line for line in reader.said if option in line]
        assert "unreachable=0 failed=0" in reader.said[command]


def test_a_second_site_yml_changes_nothing(reader: Reader) -> None:
    again = reader.play("site.yml")
    succeeded(again)
    assert changed(again) == 0


def test_every_playbook_of_the_day_two_table_exists(reader: Reader) -> None:
    named = set(re.findall(r"\b([a-z-]+\.yml)\b", section("Day two")))
    assert {name for name in named if not (reader.clone / name).is_file()} == set()


def test_the_clones_vault_is_encrypted_and_its_password_is_private(reader: Reader) -> None:
    vault = reader.clone / "inventories/production/group_vars/all/vault.yml"
    assert vault.read_text(encoding="utf-8").startswith("$ANSIBLE_VAULT")
    assert (reader.home / ".milkbot-vault-password").stat().st_mode & 0o077 == 0
