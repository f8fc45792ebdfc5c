"""Runs site.yml in check mode against one host, and reports what differs there from the code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: drift
short_description: What differs on a host from the code
description:
  - A run of its own, as every role must be in check mode from the beginning. It gets the
    inventories, variables, tags, connection and vault secrets of the run that asks.
options:
  playbook: {description: The playbook that describes the host., type: path, required: true}
  timeout: {description: Seconds for that run., type: int, default: 1800}
"""

RETURN = r"""
differences: {description: "C(kind), C(name), C(task) and C(diff) of each, masked.", returned: success, type: list}
table: {description: The same as lines of text., returned: success, type: list}
"""

_PLUGINS = Path(__file__).resolve().parents[1] / "callback_plugins"
_LAST_LINES = 15
# Options of the run that asks, by their name there and here.
_OPTIONS = {
    "private_key_file": "--private-key",
    "remote_user": "--user",
    "connection": "--connection",
    "timeout": "--timeout",
    "ssh_common_args": "--ssh-common-args",
    "ssh_extra_args": "--ssh-extra-args",
    "become_user": "--become-user",
    "become_method": "--become-method",
}


def table(differences: Sequence[Mapping[str, str]]) -> list[str]:
    """A line for each thing that differs, its kind and name first; below it the difference."""
    width = max((len(entry["kind"]) for entry in differences), default=0)
    lines = []
    for entry in differences:
        lines.append(f"{entry['kind']:{width}}  {entry['name']}  ({entry['task']})")
        lines += [f"    {line}" for line in entry["diff"].splitlines()]
    return lines


def command(playbook: str, host: str, given: Mapping[str, Any]) -> list[str]:
    """The run in check mode, with what the run that asks was given."""
    words = [str(Path(sys.executable).with_name("ansible-playbook")), "--check", "--diff", playbook, "--limit", host]
    words += [word for source in given.get("inventory") or () for word in ("--inventory", str(source))]
    words += [word for value in given.get("extra_vars") or () for word in ("--extra-vars", str(value))]
    tags = [tag for tag in given.get("tags") or () if tag != "all"]
    words += ["--tags", ",".join(tags)] if tags else []
    skipped = given.get("skip_tags") or ()
    words += ["--skip-tags", ",".join(skipped)] if skipped else []
    return words + [word for name, option in _OPTIONS.items() if given.get(name) for word in (option, str(given[name]))]


class ActionModule(ActionBase):
    """Fails when that run could not check everything."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        host = str((task_vars or {})["inventory_hostname"])
        asked = self._task.args
        # In memory where there is such a place: a vault's secret may stand there for the moment.
        shared = "/dev/shm"  # noqa: S108 - a private directory in it
        with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as directory:
            report = Path(directory) / "report.json"
            words = command(str(asked["playbook"]), host, context.CLIARGS) + list(self._vault(Path(directory)))
            environment = {
                **os.environ,
                "ANSIBLE_CALLBACK_PLUGINS": str(_PLUGINS),
                "ANSIBLE_CALLBACKS_ENABLED": "drift_report",
                # The one that was chosen for this run is not among those plugins.
                "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
                "ANSIBLE_NOCOLOR": "1",
                "MILKBOT_DRIFT_TO": str(report),
            }
            try:
                done = subprocess.run(  # noqa: S603 - our own words, and those that this run was given
                    words,
                    check=False,
                    capture_output=True,
                    text=True,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    timeout=int(asked.get("timeout", 1800)),
                )
            except subprocess.TimeoutExpired:
                return {
                    "failed": True,
                    "msg": f"{host} could not be checked: no end within {asked['timeout']} seconds",
                }
            try:
                found = json.loads(report.read_text(encoding="utf-8"))
            except (FileNotFoundError, ValueError):
                last = "\n".join((done.stderr or done.stdout).splitlines()[-_LAST_LINES:])
                return {"failed": True, "msg": f"{host} could not be checked:\n{last}"}
        return self._reported(host, found)

    def _reported(self, host: str, found: Mapping[str, Any]) -> dict[str, Any]:
        lines = table(found["differences"])
        if failures := found["failures"]:
            said = "\n".join(f"{entry['task']}: {entry['said']}" for entry in failures)
            return {"failed": True, "msg": f"{host} could not be checked completely:\n{said}", "table": lines}
        return {"changed": False, "differences": found["differences"], "table": lines}

    def _vault(self, directory: Path) -> Iterator[str]:
        """The vault secrets that the run that asks was given, however it was."""
        given = context.CLIARGS
        if not any(given.get(name) for name in ("vault_ids", "vault_password_files", "ask_vault_pass")):
            return
        for index, (name, secret) in enumerate(self._loader._vault.secrets):  # noqa: SLF001 - offered no other way
            path = directory / f"vault-{index}"
            path.touch(mode=0o600)
            path.write_bytes(secret.bytes)
            yield from ("--vault-id", f"{name}@{path}")
