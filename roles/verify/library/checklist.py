"""Ansible module: commands whose answers tell whether the platform is well, all at once, in one round trip."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: checklist
short_description: Run the checks of a list, and judge all answers
description:
  - All are run, several at a time, so that one that is wrong hides no other. Fails with everything that is wrong.
options:
  checks:
    description: >-
      C(command), without a shell; C(answer), a regular expression that its output has to match. With C(rows) its output
      is that of C(healthcheck.sh --json), and each row that fails is wrong by itself.
    type: list
    elements: dict
    required: true
  excused: {description: Checks of such tables that may fail., type: list, elements: str, default: []}
  judge: {description: "Fail when an answer is wrong, instead of only returning it.", type: bool, default: true}
"""

RETURN = r"""
table:
  description: C(state), C(name), C(value) and C(fix) of each check, and of each such row.
  returned: always
  type: list
wrong: {description: What is wrong in words., returned: always, type: list}
failures: {description: Those of the table that are wrong., returned: always, type: list}
failing: {description: Checks of the tables of healthcheck.sh that fail., returned: always, type: list}
"""

_AT_ONCE = 4
_PATIENCE = 120
# All is well, something warns, something fails: whatever else it leaves with, it has not looked at everything.
_LOOKED = (0, 1, 2)


def run(check: dict[str, Any]) -> tuple[int, str, str]:
    """Exit code, output, complaints."""
    command = shlex.split(check["command"])
    try:
        done = subprocess.run(  # noqa: S603 - commands of our own role
            command, check=False, capture_output=True, text=True, errors="replace", cwd="/", timeout=_PATIENCE
        )
    except OSError as error:
        return 127, "", str(error)
    except subprocess.TimeoutExpired:
        return 124, "", f"no answer within {_PATIENCE} seconds"
    return done.returncode, done.stdout, done.stderr


def rows(check: dict[str, Any], answer: tuple[int, str, str]) -> list[dict[str, str]]:
    """The rows of a health check that came to its end; none of anything else."""
    code, output, _ = answer
    if not check["rows"] or code not in _LOOKED:
        return []
    try:
        found = json.loads(output)["rows"]
        return [
            {"state": row["state"], "name": row["name"], "value": row["value"], "fix": row.get("remedy", "")}
            for row in found
        ]
    except (ValueError, KeyError, TypeError):
        return []


def judged(check: dict[str, Any], answer: tuple[int, str, str]) -> list[dict[str, str]]:
    """Its rows, or one for the command itself."""
    if found := rows(check, answer):
        return found
    code, output, complaints = answer
    right = code == 0 and not check["rows"] and re.search(check["answer"], output, re.MULTILINE)
    said = " ".join((output + " " + complaints).split())
    value = "" if right else f"left with {code} and said: {said or 'nothing'}"
    return [{"state": "ok" if right else "fail", "name": check["command"], "value": value, "fix": ""}]


def words(row: dict[str, str]) -> str:
    """A row as a line of an error."""
    return f"{row['name']}: {row['value']}" + (f" -> {row['fix']}" if row["fix"] else "")


def main() -> None:
    module = AnsibleModule(
        {
            "checks": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "command": {"type": "str", "required": True},
                    "answer": {"type": "str", "default": ""},
                    "rows": {"type": "bool", "default": False},
                },
            },
            "excused": {"type": "list", "elements": "str", "default": []},
            "judge": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    checks = module.params["checks"]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(run, checks))
    table = [row for check, answer in zip(checks, answers, strict=True) for row in judged(check, answer)]
    failures = [row for row in table if row["state"] == "fail" and row["name"] not in module.params["excused"]]
    of_health = [row for check, answer in zip(checks, answers, strict=True) for row in rows(check, answer)]
    known = {
        "table": table,
        "wrong": [words(row) for row in failures],
        "failures": failures,
        "failing": [row["name"] for row in of_health if row["state"] == "fail"],
    }
    if known["wrong"] and module.params["judge"]:
        module.fail_json(msg="\n".join(known["wrong"]), **known)
    module.exit_json(changed=False, **known)


if __name__ == "__main__":
    main()
