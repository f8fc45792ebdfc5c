"""sshd's configuration: what it should be on this host, and what an operator has to solve before it may be."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# Ansible finds plugins by their file, and gives them no package of their own.
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "deployment/hostcheck"))

from milkbot_hostcheck import loaded

Problem = dict[str, str]

_INCLUDE = re.compile(r"include\s+\"?/etc/ssh/sshd_config\.d/\*\.conf", re.IGNORECASE)
_RSA_BITS = 3072
# The best first; a host gets those that its OpenSSH knows. No NIST curve, no SHA-1, no MAC before the encryption, and
# no exchange that a quantum computer of later breaks from a recording of today.
_ALGORITHMS = {
    "KexAlgorithms": ("kex", ("mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com")),
    "Ciphers": (
        "ciphers",
        (
            *("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com"),
            *("aes256-ctr", "aes192-ctr", "aes128-ctr"),
        ),
    ),
    "MACs": (
        "macs",
        ("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "umac-128-etm@openssh.com"),
    ),
    "HostKeyAlgorithms": (
        "keys",
        (
            *("ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com"),
            *("rsa-sha2-256-cert-v01@openssh.com", "ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"),
        ),
    ),
}
# Where it is known: OpenSSH 8.5, and 9.8. A penalty must not outlast what the dead man's switch promises.
_WHERE_KNOWN = {"PerSourceMaxStartups": "5", "PerSourcePenalties": "max:60s"}
# The operators' way to the socket of their page, `ssh -L PORT:SOCKET`. sshd asks for both; what PermitOpen names is
# then all that may be reached, and as the name of a host it is none.
_TO_SOCKET = ("    AllowTcpForwarding local", "    AllowStreamLocalForwarding local")


def _settings(found: Mapping[str, Any], *, as_root: bool) -> dict[str, str]:
    """Keywords and values for everybody who logs in."""
    known = {
        keyword: ",".join(name for name in names if name in found["supported"][kind])
        for keyword, (kind, names) in _ALGORITHMS.items()
    }
    limits = {name: value for name, value in _WHERE_KNOWN.items() if name.lower() in found["settings"]}
    return {
        "PubkeyAuthentication": "yes",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "HostbasedAuthentication": "no",
        "PermitEmptyPasswords": "no",
        "PermitRootLogin": "prohibit-password" if as_root else "no",
        "PermitUserEnvironment": "no",
        **known,
        "LoginGraceTime": "30",
        "MaxAuthTries": "3",
        "MaxSessions": "4",
        "MaxStartups": "10:30:60",
        **limits,
        "ClientAliveInterval": "60",
        "ClientAliveCountMax": "2",
        "TCPKeepAlive": "no",
        "Compression": "no",
        "LogLevel": "VERBOSE",
        "X11Forwarding": "no",
        "AllowAgentForwarding": "no",
        "AllowTcpForwarding": "no",
        "AllowStreamLocalForwarding": "no",
        "PermitTunnel": "no",
        "GatewayPorts": "no",
    }


def _host_keys(found: Mapping[str, Any]) -> list[str]:
    """Ed25519, which the role makes where there is none, and RSA where it is long enough."""
    long = [key["path"] for key in found["host_keys"] if key["type"] == "RSA" and key["bits"] >= _RSA_BITS]
    return ["/etc/ssh/ssh_host_ed25519_key", *long]


def text(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The drop-in. Of a keyword sshd takes the first value that it meets: the operator's own settings stand first."""
    own = {str(name): str(value) for name, value in wanted["settings"].items()}
    taken = {name.lower() for name in own}
    usual = _settings(found, as_root="root" in wanted["logins"])
    lines = [f"# {wanted['mark']}"]
    lines += [f"{name} {value}" for name, value in own.items()]
    lines += [f"{name} {value}" for name, value in usual.items() if name.lower() not in taken]
    lines += [f"HostKey {path}" for path in _host_keys(found) if "hostkey" not in taken]
    lines += [f"AllowUsers {' '.join(wanted['logins'])}"]
    if wanted["operators"]:
        lines += [f"Match User {','.join(wanted['operators'])}", *_TO_SOCKET]
        lines += [f"    PermitOpen [{wanted['socket']}]:*"]
    return "\n".join(lines) + "\n"


def _connection(found: Mapping[str, Any], logins: Sequence[str]) -> Iterator[Problem]:
    """Whether this very connection could be made again."""
    login = found["login"]
    if found["method"] not in ("", "publickey"):
        fix = f"passwords are refused from now on: ssh-copy-id {login}@HOST, and let Ansible use that key"
        yield {"name": "ansible_user", "value": f"{login} logged in by {found['method']}", "fix": fix}
    elif not found["method"] and login not in found["by_key"]:
        fix = "passwords are refused from now on: put a key into its authorized_keys (ssh-copy-id)"
        yield {"name": "ansible_user", "value": f"{login} has no key on the host", "fix": fix}
    if login not in logins:
        fix = f"this connection's login is {login}: name it in ansible_user, or in ssh_allow_users"
        yield {"name": "ssh_allow_users", "value": ", ".join(logins), "fix": fix}


def _shut_out(found: Mapping[str, Any], logins: Sequence[str]) -> Iterator[Problem]:
    """Logins of others that come in today, and would not any more. Without a list sshd lets everybody in."""
    if "allowusers" in found["settings"] or "allowgroups" in found["settings"]:
        return
    others = [name for name in found["by_key"] if name not in logins and name != "root"]
    for name in others:
        fix = f"{name} has a key on the host, and could not log in any more: add {name}, or remove that key"
        yield {"name": "ssh_allow_users", "value": ", ".join(logins), "fix": fix}


def _files(found: Mapping[str, Any]) -> Iterator[Problem]:
    if found["refused"]:
        yield {"name": "sshd", "value": found["refused"], "fix": "its files are not valid: correct them (sshd -t)"}
    if not _INCLUDE.match(found["first"]):
        fix = "the first value of a setting wins: put `Include /etc/ssh/sshd_config.d/*.conf` on the first line"
        yield {"name": "/etc/ssh/sshd_config", "value": f"begins with {found['first'] or 'nothing'}", "fix": fix}


def plan(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`content` of the drop-in, and `problems`. `wanted` has `mark`, `logins`, `operators`, `socket`, `settings`.

    A run that does not come by ssh cannot prove that ssh lets it in: it gets no content, and no problem.
    """
    if not found["client"]:
        return {"content": "", "problems": []}
    content = text(found, wanted)
    problems = [*_connection(found, wanted["logins"]), *_shut_out(found, wanted["logins"]), *_files(found)]
    if found["drop_in"] == content:
        fix = f"a file of /etc/ssh is read before {loaded.SSHD_DROP_IN.name}: remove it there, or set ssh_settings"
        problems += [{"name": "sshd", "value": what, "fix": fix} for what in otherwise(found, content)]
    return {"content": content, "problems": problems}


def otherwise(found: Mapping[str, Any], content: str) -> list[str]:
    """What sshd does otherwise than the drop-in says."""
    lines = [f"{name} {value}" for name, values in found["settings"].items() for value in values]
    return loaded.sshd(content, "\n".join(lines))


class FilterModule:
    """What Ansible imports."""

    def filters(self) -> dict[str, Any]:
        return {"ssh_plan": plan, "ssh_otherwise": otherwise}
