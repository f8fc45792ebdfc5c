"""Ansible module: the firewall as it is, and the connection that must not be cut. Changes nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_connection import connection

DOCUMENTATION = r"""
module: ufw_state
short_description: Read ufw's rules, its state, and where this connection comes from
description:
  - The rules are read from ufw's own files, which name ports where its output names application profiles.
options: {}
"""

RETURN = r"""
active: {description: Whether ufw filters., returned: always, type: bool}
incoming: {description: "What it does with what no rule matches: accept, drop, reject.", returned: always, type: str}
rules: {description: ufw's tuples, one a rule, IPv4 before IPv6., returned: always, type: list}
client: {description: "Address of the ssh client that runs this, empty without one.", returned: always, type: str}
port: {description: "Port of this host's sshd that it came by; 0 when there is none.", returned: always, type: int}
"""

_UFW = "/usr/sbin/ufw"
_FILES = ("user.rules", "user6.rules")
_MARK = "### tuple ### "


def rules(directory: Path) -> list[str]:
    found: list[str] = []
    for name in _FILES:
        path = directory / name
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    return found


def is_active() -> bool:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""}
    done = subprocess.run([_UFW, "status"], check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    return "Status: active" in done.stdout


def default_policy(path: Path) -> str:
    """Of what comes in; what ufw itself prints only while it is active."""
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "DEFAULT_INPUT_POLICY":
            return value.strip().strip("\"'").lower()
    return "accept"


def main() -> None:
    module = AnsibleModule({}, supports_check_mode=True)
    present = Path(_UFW).exists()
    here = connection()
    module.exit_json(
        changed=False,
        active=present and is_active(),
        incoming=default_policy(Path("/etc/default/ufw")) if present else "",
        rules=rules(Path("/etc/ufw")) if present else [],
        client=here.client,
        port=here.port,
    )


if __name__ == "__main__":
    main()
