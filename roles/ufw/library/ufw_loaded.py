"""Ansible module: the kernel filters by the rules that ufw keeps."""

from __future__ import annotations

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_loaded import FIREWALL, FIREWALL_DEFAULTS, firewall

DOCUMENTATION = r"""
module: ufw_loaded
short_description: Have the kernel filter by the rules that ufw keeps
description:
  - ufw writes a rule into its file before the kernel has it, and reports by the file. Where the kernel does otherwise
    than the files say, ufw is reloaded. A firewall that is switched off is left so.
"""

RETURN = r"""
done: {description: What the kernel did otherwise., returned: success, type: dict}
"""


class UfwError(Exception):
    """A program of the firewall's failed; the message says how."""


def run(*command: str) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    if done.returncode != 0:
        raise UfwError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def problems() -> list[str]:
    defaults = FIREWALL_DEFAULTS.read_text(encoding="utf-8")
    return [
        problem
        for program, file in FIREWALL.items()
        for problem in firewall(program, file.read_text(encoding="utf-8"), defaults, run(program, "-S"))
    ]


def main() -> None:
    module = AnsibleModule({}, supports_check_mode=True)
    try:
        found = problems() if run("ufw", "status").startswith("Status: active") else []
        if found and not module.check_mode:
            run("ufw", "reload")
            if left := problems():
                module.fail_json(msg=f"the kernel does not filter by ufw's rules, even reloaded: {'; '.join(left)}")
    except (UfwError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(found), done={"ufw": f"reloaded, as {'; '.join(found)}"} if found else {})


if __name__ == "__main__":
    main()
