"""Ansible module: holds the SQL of migrations to the rules under which an earlier release goes on working."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: lint_migrations
short_description: Refuse migrations that an earlier release could not live with
description:
  - Runs squawk over the SQL that C(milkbot db sql) printed, and names each finding by its migration, line and rule.
  - Runs where squawk is, so it is delegated to the control node. Changes nothing.
options:
  sql: {description: What C(milkbot db sql) printed; nothing is found in nothing., type: str, required: true}
  config: {description: The linter's rules., type: path, required: true}
  squawk: {description: The linter's program., type: path, required: true}
  allow: {description: Report what was found as a warning instead of failing., type: bool, default: false}
"""

RETURN = r"""
findings:
  description: C(revision), C(line) and C(statement) of the SQL, C(rule), C(message), C(help). In the order of the SQL.
  returned: when the linter ran
  type: list
"""

_RUNS = re.compile(r"^-- Running (?:upgrade|downgrade) .*-> (\S+)$")
_SHOWN = 200
_FIX = (
    "Split it over releases: add what is new (expand), use it, and take away what is old (contract) when no release "
    "that may be returned to needs it. To contract on purpose now: -e update_contracting=true (docs/operations.md)."
)


@dataclass(frozen=True)
class Finding:
    """One rule that a statement breaks. `help` may be empty."""

    revision: str
    line: int
    statement: str
    rule: str
    message: str
    help: str

    def __str__(self) -> str:
        said = f"{self.message} {self.help}".strip()
        return (
            f"{self.revision or 'before the first migration'}, line {self.line}, {self.rule}: {said} [{self.statement}]"
        )


class LinterError(Exception):
    """The linter gave no verdict."""


def lint(sql: str, squawk: Path, config: Path) -> list[Finding]:
    """What the linter finds, in the order of the SQL. Raises LinterError."""
    command = [str(squawk), "--config", str(config), "--reporter", "json", "--stdin-filepath", "migrations.sql"]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, input=sql, capture_output=True, text=True, check=False
        )
        said = json.loads(done.stdout)
    except FileNotFoundError as error:
        raise LinterError(f"{squawk} is not there; install the group ops: uv sync --group ops") from error
    except ValueError as error:
        raise LinterError(f"{squawk} ended with {done.returncode}: {done.stderr.strip() or done.stdout}") from error
    lines = sql.splitlines()
    found = [_finding(lines, entry) for entry in said]
    return sorted(found, key=lambda finding: (finding.line, finding.rule))


def _finding(lines: list[str], entry: dict[str, Any]) -> Finding:
    index = entry["line"]  # this reporter counts from zero
    revisions = [match[1] for match in map(_RUNS.match, lines[:index]) if match]
    return Finding(
        revision=revisions[-1] if revisions else "",
        line=index + 1,
        statement=_paragraph(lines, index),
        rule=entry["rule_name"],
        message=entry["message"],
        help=entry["help"] or "",
    )


def _paragraph(lines: list[str], index: int) -> str:
    """The statement around that line on one line: Alembic sets statements apart by an empty line."""
    first = last = index
    while first > 0 and lines[first - 1].strip():
        first -= 1
    while last + 1 < len(lines) and lines[last + 1].strip():
        last += 1
    text = " ".join(" ".join(lines[first : last + 1]).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def main() -> None:
    module = AnsibleModule(
        {
            "sql": {"type": "str", "required": True},
            "config": {"type": "path", "required": True},
            "squawk": {"type": "path", "required": True},
            "allow": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    config = Path(asked["config"])
    if not config.is_file():  # the linter would silently take its own rules
        module.fail_json(msg=f"config = {config}: there is no such file; it holds the linter's rules")
    try:
        findings = lint(asked["sql"], Path(asked["squawk"]), config)
    except LinterError as error:
        module.fail_json(msg=f"the migrations were not linted: {error}")
    shown = [str(finding) for finding in findings]
    listed = [asdict(finding) for finding in findings]
    if findings and not asked["allow"]:
        message = "\n".join(("a release before these migrations could not go on with them:", *shown, _FIX))
        module.fail_json(msg=message, findings=listed)
    for line in shown:
        module.warn(f"allowed by update_contracting: {line}")
    module.exit_json(changed=False, findings=listed)


if __name__ == "__main__":
    main()
