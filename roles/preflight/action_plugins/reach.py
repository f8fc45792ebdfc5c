"""Whether Ansible can use a host at all: gathering facts fails without Python or root, and its error names no fix."""

from __future__ import annotations

import shlex
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: reach
short_description: Find out what keeps Ansible from using a host
description:
  - Looks for Python and becomes root, by the connection's own shell; changes nothing. A host that does not answer is
    unreachable, as for every module.
"""

RETURN = r"""
problems: {description: "What is missing, as name, value and fix.", type: list}
"""


class ActionModule(ActionBase):  # type: ignore[misc]
    """Uses no module: there may be nothing that could run it."""

    _requires_connection = True
    _supports_check_mode = True
    _VALID_ARGS = frozenset[str]()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        return {"changed": False, "problems": [*self._python(variables), *self._root(variables)]}

    def _python(self, variables: dict[str, Any]) -> list[dict[str, str]]:
        program = str(variables.get("ansible_python_interpreter", "/usr/bin/python3"))
        found = self._low_level_execute_command(f"command -v {shlex.quote(program)}", sudoable=False)
        if found["rc"] == 0:
            return []
        fix = "install it there as root: apt-get update && apt-get install --yes python3"
        return [{"name": f"Python of {variables['inventory_hostname']}", "value": f"no {program}", "fix": fix}]

    def _root(self, variables: dict[str, Any]) -> list[dict[str, str]]:
        try:
            done = self._low_level_execute_command("id -u")
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            # A password that sudo misses.
            return self._no_root(variables, str(error))
        if done["rc"] == 0 and done["stdout"].strip().splitlines()[-1:] == ["0"]:
            return []
        return self._no_root(variables, " ".join((done["stderr"] or done["stdout"]).split()))

    @staticmethod
    def _no_root(variables: dict[str, Any], said: str) -> list[dict[str, str]]:
        user = variables.get("ansible_user", "the user of the connection")
        fix = (
            f"if sudo wants a password of {user}, add --ask-become-pass; or give {user} a rule in /etc/sudoers.d "
            "with NOPASSWD"
        )
        return [{"name": f"sudo on {variables['inventory_hostname']}", "value": said or "refused", "fix": fix}]
