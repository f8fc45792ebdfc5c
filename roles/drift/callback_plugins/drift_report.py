"""Gathers what a run in check mode would change, secrets masked, for roles/drift/action_plugins/drift.py."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: drift_report
type: notification
short_description: Write what a run in check mode would change into a file
description:
  - Writes one JSON object to the path in MILKBOT_DRIFT_TO. C(differences) has the host, the task, the C(kind) and name
    of what differs, and a unified diff; C(failures) has what could not be checked.
  - What a task with no_log found is named without its content. The values of options that are secret by their argument
    specification are masked wherever they stand, and so is what follows a word for a secret.
"""

_ROLES = Path(__file__).resolve().parents[2]
_MASK = "(secret)"
_WORDS = re.compile(r"(?i)((?:password|passwd|secret|token|api_?key|webhook)\w*\W{0,3}[=:]\s*)(\S.*)")
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+@")
_SHORTEST = 6
_KINDS = {
    "apt": "package",
    "cron": "cron",
    "loaded_units": "running",
    "nginx_loaded": "running",
    "postgres_loaded": "running",
    "ufw_loaded": "running",
    "deb822_repository": "repository",
    "services": "unit",
    "systemd_service": "unit",
    "kernel_settings": "kernel setting",
    "sysctl": "kernel setting",
    "timers": "unit",
    "ufw": "firewall",
    "user": "user",
}
_NAMES = ("path", "dest", "name", "names", "objs", "port", "direction", "default", "role", "db")

Difference = dict[str, str]


def secret_options(roles: Path) -> list[str]:
    """Names of the variables that hold a secret, by their argument specifications."""
    found = []
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found += [name for name, option in entry.get("options", {}).items() if option.get("no_log")]
    return found


def secret_texts(values: Iterable[Any]) -> list[str]:
    """What must not be shown, the longest first; of a text of several lines each line."""
    flat: list[str] = []
    for value in values:
        parts = value if isinstance(value, list) else [value]
        flat += [line.strip() for part in parts for line in str(part).splitlines()]
    return sorted({text for text in flat if len(text) >= _SHORTEST and not text.startswith("-----")}, key=len)[::-1]


def masked(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, _MASK)
    text = _IN_ADDRESS.sub(f"{_MASK}@", text)
    return "\n".join(_WORDS.sub(rf"\1{_MASK}", line) for line in text.split("\n"))


def unified(difference: Mapping[str, Any]) -> str:
    """One difference of a module's as a unified diff."""
    if "prepared" in difference:
        return str(difference["prepared"])
    sides = []
    for side in ("before", "after"):
        value = difference.get(side, "")
        text = value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True, default=str)
        sides.append(text.splitlines())
    return "\n".join(difflib.unified_diff(*sides, "on the host", "by the code", lineterm=""))


def kind_of(action: str) -> str:
    short = action.rpartition(".")[2]
    return _KINDS.get(short, "database" if short.startswith("postgresql_") else "file")


def named(result: Mapping[str, Any]) -> str:
    """What a module worked on, from what it was asked to do."""
    asked = (result.get("invocation") or {}).get("module_args") or {}
    found = next((asked[name] for name in _NAMES if asked.get(name)), "")
    words = [found] if isinstance(found, str) else found if isinstance(found, list) else [str(found)]
    proto = f"/{asked['proto']}" if asked.get("port") and asked.get("proto") else ""
    return ", ".join(str(word) for word in words) + proto


def differences(action: str, task: str, result: Mapping[str, Any]) -> Iterator[Difference]:
    """What one result says: one difference for each file or unit that it names."""
    kind = kind_of(action)
    if result.get("_ansible_no_log") or "censored" in result:
        yield {"kind": kind, "name": task, "diff": "differs; what it holds is not shown"}
        return
    shown = result.get("diff") or []
    listed = [shown] if isinstance(shown, Mapping) else [entry for entry in shown if entry]
    by_name = {str(entry.get("before_header") or ""): unified(entry) for entry in listed}
    paths = result.get("changed_paths") or [name for name in by_name if name]
    if paths:
        for path in paths:
            yield {"kind": kind, "name": str(path), "diff": by_name.get(str(path), "owner or mode differ")}
        return
    done = result.get("done")
    if isinstance(done, Mapping) and any(done.values()):
        for name, what in done.items():
            if what:
                yield {"kind": kind, "name": str(name), "diff": f"would be {what}"}
        return
    text = "\n".join(part for part in by_name.values() if part)
    yield {"kind": kind, "name": named(result) or task, "diff": text or f"would be changed: {task}"}


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "drift_report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._play: Any = None
        self._secrets: list[str] = []
        self._found: list[Difference] = []
        self._failures: list[Difference] = []

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play

    def v2_runner_on_ok(self, result: Any) -> None:
        if "results" not in result.result:
            self._note(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._note(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001 -- Ansible's
        if not ignore_errors:
            self._fail(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._fail(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        del stats
        Path(os.environ["MILKBOT_DRIFT_TO"]).write_text(
            json.dumps({"differences": self._found, "failures": self._failures}), encoding="utf-8"
        )

    def _note(self, result: Any) -> None:
        task = str(result.task.name)
        found = list(differences(result.task.action, task, result.result)) if result.result.get("changed") else []
        # What site.yml leaves, as somebody may have meant it.
        found += [{"kind": "override", **entry} for entry in result.result.get("overrides") or []]
        for difference in found:
            about = {"host": result.host.name, "task": task, **difference}
            self._found.append({key: masked(value, self._texts(result.host)) for key, value in about.items()})

    def _fail(self, result: Any) -> None:
        said = str(result.result.get("msg") or result.result.get("censored") or "failed")
        text = masked(said, self._texts(result.host))
        self._failures.append({"host": result.host.name, "task": str(result.task.name), "said": text})

    def _texts(self, host: Any) -> list[str]:
        if not self._secrets:
            variables = self._play.get_variable_manager().get_vars(play=self._play, host=host)
            self._secrets = secret_texts(variables[name] for name in secret_options(_ROLES) if name in variables)
        return self._secrets
