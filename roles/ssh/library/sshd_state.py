"""Ansible module: sshd as it runs, who may log in, and how this connection did. Changes nothing."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_connection import Connection, connection
from ansible.module_utils.milkbot_names import text_of

DOCUMENTATION = r"""
module: sshd_state
short_description: Read what sshd does, who may log in by key, and how this connection did
description:
  - What sshd does is its own word (C(sshd -T)), not the text of its files.
options:
  drop_in: {description: The file that the role writes., type: path, required: true}
"""

RETURN = r"""
found: {description: "What was read, by its kind; filter_plugins/ssh_plan.py judges it.", returned: always, type: dict}
"""

_SSHD = "/usr/sbin/sshd"
_KINDS = {"kex": "kex", "ciphers": "cipher", "macs": "mac", "keys": "key-sig"}
_NO_LOGIN = ("nologin", "false", "sync")
# By whichever of its programs sshd writes it; the port is this connection's alone.
_ACCEPTED = r"^Accepted (\S+) for .* port {} ssh2"


def _answer(*command: str) -> tuple[int, str, str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(  # noqa: S603 - our own words
        command, check=False, capture_output=True, text=True, env=environment, timeout=60
    )
    return done.returncode, done.stdout, done.stderr.strip()


def effective() -> tuple[dict[str, list[str]], str]:
    """The values of each keyword in small letters, for who is in no Match; where sshd refuses its files, why."""
    code, said, why = _answer(_SSHD, "-T")
    found: dict[str, list[str]] = {}
    for line in said.splitlines() if code == 0 else []:
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found, "" if code == 0 else why


def method(here: Connection) -> str:
    """By what this connection was let in; empty where the journal does not hold it."""
    code, said, _ = _answer(
        *("journalctl", "--quiet", "--no-pager", "--output=cat", "--since=-1day", "--reverse"),
        *("--identifier=sshd", "--identifier=sshd-session"),
    )
    accepted = re.search(_ACCEPTED.format(here.client_port), said, re.MULTILINE) if code == 0 else None
    return accepted[1] if accepted else ""


def host_keys(directory: Path) -> list[dict[str, Any]]:
    """The keys that there are: path, type as ssh-keygen names it, and length in bits."""
    found = []
    for path in sorted(directory.glob("ssh_host_*_key.pub")):
        code, said, _ = _answer("ssh-keygen", "-l", "-f", str(path))
        words = said.split()
        if code == 0 and words and path.with_suffix("").exists():
            found.append({"path": str(path.with_suffix("")), "type": words[-1].strip("()"), "bits": int(words[0])})
    return found


def _holds_keys(path: Path) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text_of(path).splitlines())


def by_key(patterns: list[str]) -> list[str]:
    """Logins that have a shell, and a key where sshd looks for it."""
    found = []
    for user in pwd.getpwall():
        if user.pw_shell.rpartition("/")[2] in _NO_LOGIN:
            continue
        named = [word.replace("%h", user.pw_dir).replace("%u", user.pw_name) for word in patterns]
        if any(_holds_keys(Path(user.pw_dir) / name) for name in named):
            found.append(user.pw_name)
    return found


def first_line(path: Path) -> str:
    """The first setting of the main file, which decides over all that come later."""
    lines = [line.strip() for line in text_of(path).splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), "")


def main() -> None:
    module = AnsibleModule({"drop_in": {"type": "path", "required": True}}, supports_check_mode=True)
    here = connection()
    try:
        settings, refused = effective()
        found = {
            "client": here.client,
            "login": here.login,
            "method": method(here) if here.client else "",
            "settings": settings,
            "refused": refused,
            "drop_in": text_of(Path(module.params["drop_in"])),
            "first": first_line(Path("/etc/ssh/sshd_config")),
            "supported": {name: _answer("ssh", "-Q", kind)[1].split() for name, kind in _KINDS.items()},
            "host_keys": host_keys(Path("/etc/ssh")),
            "by_key": by_key(" ".join(settings.get("authorizedkeysfile", [".ssh/authorized_keys"])).split()),
        }
    except (OSError, subprocess.TimeoutExpired) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, found=found)


if __name__ == "__main__":
    main()
