"""What the role writes for sshd, and what it refuses before anything is changed: nobody is shut out by surprise."""

from __future__ import annotations

from typing import Any

import pytest
from tests.roles.rendering import plugin

PLAN = plugin("ssh/filter_plugins/ssh_plan.py")

ED25519 = {"path": "/etc/ssh/ssh_host_ed25519_key", "type": "ED25519", "bits": 256}
FOUND: dict[str, Any] = {
    "client": "203.0.113.7",
    "login": "admin",
    "method": "publickey",
    "settings": {"passwordauthentication": ["yes"], "persourcemaxstartups": ["none"]},
    "refused": "",
    "drop_in": "",
    "first": "Include /etc/ssh/sshd_config.d/*.conf",
    "supported": {
        "kex": ["diffie-hellman-group14-sha1", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256"],
        "ciphers": ["3des-cbc", "aes256-gcm@openssh.com", "aes128-ctr"],
        "macs": ["hmac-sha1", "hmac-sha2-256-etm@openssh.com"],
        "keys": ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"],
    },
    "host_keys": [ED25519],
    "by_key": ["admin"],
}


def _plan(found: dict[str, Any] | None = None, **wanted: Any) -> dict[str, Any]:
    usual = {
        "mark": "Written by a test.",
        "logins": ["admin"],
        "operators": ["admin"],
        "socket": "/run/web.sock",
        "settings": {},
    }
    plan: dict[str, Any] = PLAN.plan(FOUND | (found or {}), usual | wanted)
    return plan


def _problems(found: dict[str, Any] | None = None, **wanted: Any) -> list[str]:
    return [f"{one['name']} = {one['value']}" for one in _plan(found, **wanted)["problems"]]


def _lines(found: dict[str, Any] | None = None, **wanted: Any) -> list[str]:
    content: str = _plan(found, **wanted)["content"]
    return content.splitlines()


def test_keys_alone_let_in_and_no_root() -> None:
    lines = _lines()
    assert {"PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin no"} <= set(lines)
    assert _plan()["problems"] == []


def test_a_host_gets_the_best_algorithms_that_its_openssh_knows() -> None:
    lines = _lines()
    assert "KexAlgorithms sntrup761x25519-sha512@openssh.com" in lines
    assert "Ciphers aes256-gcm@openssh.com,aes128-ctr" in lines
    assert "MACs hmac-sha2-256-etm@openssh.com" in lines
    assert "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512" in lines


@pytest.mark.parametrize(("bits", "kept"), [(2048, False), (3072, True)])
def test_a_host_key_of_rsa_is_used_when_it_is_long_enough(bits: int, kept: bool) -> None:  # noqa: FBT001 - a parameter
    rsa = {"path": "/etc/ssh/ssh_host_rsa_key", "type": "RSA", "bits": bits}
    ecdsa = {"path": "/etc/ssh/ssh_host_ecdsa_key", "type": "ECDSA", "bits": 256}
    keys = [line for line in _lines({"host_keys": [ecdsa, rsa]}) if line.startswith("HostKey ")]
    assert keys == [f"HostKey {ED25519['path']}", *(["HostKey /etc/ssh/ssh_host_rsa_key"] if kept else [])]


def test_a_setting_that_this_openssh_does_not_know_is_left_out() -> None:
    assert "PerSourceMaxStartups 5" in _lines()
    assert not [line for line in _lines() if line.startswith("PerSourcePenalties")]


def test_operators_alone_may_forward_and_only_to_the_socket_of_their_page() -> None:
    lines = _lines(logins=["admin", "bob"], operators=["admin"])
    at = lines.index("Match User admin")
    allowed = ["AllowTcpForwarding local", "AllowStreamLocalForwarding local", "PermitOpen [/run/web.sock]:*"]
    assert lines[at:] == ["Match User admin", *(f"    {line}" for line in allowed)]
    assert {"AllowTcpForwarding no", "AllowStreamLocalForwarding no", "AllowUsers admin bob"} <= set(lines[:at])
    assert not [line for line in _lines(operators=[]) if line.startswith("Match")]


def test_the_operators_own_settings_stand_before_the_roles() -> None:
    lines = _lines(settings={"maxauthtries": 6, "Port": 2222})
    assert lines[1:3] == ["maxauthtries 6", "Port 2222"]
    assert [line for line in lines if line.lower().startswith("maxauthtries")] == ["maxauthtries 6"]


def test_root_may_log_in_by_key_where_ansible_does() -> None:
    lines = _lines({"login": "root", "by_key": ["root"]}, logins=["root"], operators=[])
    assert {"PermitRootLogin prohibit-password", "AllowUsers root"} <= set(lines)


@pytest.mark.parametrize(
    ("found", "wanted", "refused"),
    [
        ({"method": "password"}, {}, "ansible_user = admin logged in by password"),
        ({"method": "", "by_key": []}, {}, "ansible_user = admin has no key on the host"),
        ({"login": "eve"}, {}, "ssh_allow_users = admin"),
        ({"by_key": ["admin", "bob"]}, {}, "ssh_allow_users = admin"),
        ({"refused": "line 3: Bad configuration"}, {}, "sshd = line 3: Bad configuration"),
        ({"first": "PasswordAuthentication yes"}, {}, "/etc/ssh/sshd_config = begins with PasswordAuthentication yes"),
    ],
    ids=["a password", "no key", "a login in no list", "another's key", "files that are not valid", "a line before"],
)
def test_what_would_lock_out_is_refused(found: dict[str, Any], wanted: dict[str, Any], refused: str) -> None:
    assert _problems(found, **wanted) == [refused]


def test_a_login_that_is_kept_out_already_is_none_to_shut_out() -> None:
    assert _problems({"by_key": ["admin", "bob"], "settings": {"allowusers": ["admin"]}}) == []
    assert _problems({"by_key": ["admin", "root"]}) == []


def test_a_run_that_does_not_come_by_ssh_changes_nothing() -> None:
    assert _plan({"client": "", "login": "", "method": ""}) == {"content": "", "problems": []}


def test_what_another_file_sets_before_the_drop_in_is_refused() -> None:
    content = _plan()["content"]
    assert PLAN.otherwise(FOUND, content) == ["passwordauthentication yes", "persourcemaxstartups none"]
    assert _problems({"drop_in": content}) == ["sshd = passwordauthentication yes", "sshd = persourcemaxstartups none"]
