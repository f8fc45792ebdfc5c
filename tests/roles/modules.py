"""Running a role's module as Ansible runs it: arguments in as JSON, the answer out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.roles.rendering import ROLES

# A module imports what the roles share as a part of Ansible's own package: on a host it is packed into it.
_PACKED = """
import runpy, sys
import ansible.module_utils
ansible.module_utils.__path__.extend(sys.argv.pop().split(":"))
runpy.run_path(sys.argv.pop(), run_name="__main__")
"""


def ask(module: str, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """The answer of `role/library/name.py`; one that failed has `failed` in it."""
    given = {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}
    done = subprocess.run(
        [sys.executable, "-c", _PACKED, str(ROLES / module), ":".join(map(str, ROLES.glob("*/module_utils")))],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": given}),
        check=False,
        capture_output=True,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
