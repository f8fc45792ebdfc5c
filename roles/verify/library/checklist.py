"""Ansible module: commands whose answers tell whether the platform is well, all at once, in one round trip."""

from __future__ import annotations

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
      is the table of healthcheck.sh, and each row that says C(fail) is wrong by itself.
    type: list
    elements: dict
    required: true
  excused: {description: Checks of such tables that may fail., type: list, elements: str, default: []}
  judge: {description: "Fail when an answer is wrong, instead of only returning it.", type: bool, default: true}
"""

RETURN = r"""
table: {description: "A line for each check, and for each row of such a table.", returned: always, type: list}
wrong: {description: What is wrong in words., returned: always, type: list}
failures: {description: "The same as C(name), C(value) and C(fix) of each row.", returned: always, type: list}
failing: {description: Checks of the tables of healthcheck.sh that fail., returned: always, type: list}
"""

_AT_ONCE = 4
_PATIENCE = 120
# A row is: state, two spaces or more, and the check's name in 28 columns.
_ROW = re.compile(r"^(?:ok|warn|fail) +.{1,28} .*$", re.MULTILINE)
_FAILING_ROW = re.compile(r"^fail +(.{1,28}) ", re.MULTILINE)
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


def failing_rows(output: str) -> list[str]:
    return [name.rstrip() for name in _FAILING_ROW.findall(output)]


def judge(check: dict[str, Any], answer: tuple[int, str, str], excused: list[str]) -> str:
    """What is wrong with the answer; empty when nothing is."""
    code, output, complaints = answer
    said = " ".join((output + " " + complaints).split())
    if check["rows"] and code in _LOOKED and _ROW.search(output):
        wrong = [name for name in failing_rows(output) if name not in excused]
        lines = [line for line in output.splitlines() if set(failing_rows(line)) & set(wrong)]
        return f"{check['command']}: {'; '.join(' '.join(line.split()) for line in lines)}" if wrong else ""
    if code != 0 or check["rows"] or not re.search(check["answer"], output, re.MULTILINE):
        return f"{check['command']} left with {code} and said: {said or 'nothing'}"
    return ""


def failures(
    check: dict[str, Any], answer: tuple[int, str, str], wrong: str, excused: list[str]
) -> list[dict[str, str]]:
    """What is wrong with the answer, row by row."""
    if not wrong:
        return []
    rows = [line for line in answer[1].splitlines() if set(failing_rows(line)) - set(excused)] if check["rows"] else []
    found = []
    for line in rows:
        value, _, fix = line[6 + 28 :].strip().partition("  -> ")
        found.append({"name": failing_rows(line)[0], "value": value, "fix": fix})
    return found or [{"name": check["command"], "value": wrong.removeprefix(f"{check['command']} "), "fix": ""}]


def lines(check: dict[str, Any], answer: tuple[int, str, str], wrong: str) -> list[str]:
    """What the table shows of a check: its rows as they came, or whether its answer was right."""
    rows = _ROW.findall(answer[1]) if check["rows"] else []
    return rows or [("fail  " if wrong else "ok    ") + check["command"]]


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
    answered = list(zip(checks, answers, strict=True))
    judged = [judge(check, answer, module.params["excused"]) for check, answer in answered]
    known = {
        "table": [
            line
            for (check, answer), wrong in zip(answered, judged, strict=True)
            for line in lines(check, answer, wrong)
        ],
        "wrong": [wrong for wrong in judged if wrong],
        "failures": [
            failure
            for (check, answer), wrong in zip(answered, judged, strict=True)
            for failure in failures(check, answer, wrong, module.params["excused"])
        ],
        "failing": [name for check, answer in answered if check["rows"] for name in failing_rows(answer[1])],
    }
    if known["wrong"] and module.params["judge"]:
        module.fail_json(msg="\n".join(known["wrong"]), **known)
    module.exit_json(changed=False, **known)


if __name__ == "__main__":
    main()
