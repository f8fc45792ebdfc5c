"""Ansible module: units run as their files say, whoever wrote those and whenever."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_loaded import (
    SHOW,
    moment,
    not_read_by_systemd,
    overriding,
    own_files,
    set_back,
    units,
    unread,
)

DOCUMENTATION = r"""
module: loaded_units
short_description: Have units run as their files say
description:
  - systemd reads the files of the units that it has not read. What C(units) names is started and enabled, and restarted
    when it began before one of its files changed; a unit of the distribution only for files below /etc.
  - Nothing is remembered from an earlier task or run, so a run that was killed is finished by the next one.
  - Drop-ins that no role wrote are named in C(overrides), and left.
options:
  units:
    description: >-
      C(name), and C(reads), the files that it reads when it starts. With C(on_demand) something else starts it, and
      here it is only restarted.
    type: list
    elements: dict
    default: []
  read_only:
    description: Units that systemd has to know as they are on the disk, and that nobody starts here.
    type: list
    elements: str
    default: []
  stopped:
    description: Units that have to be stopped and disabled, as far as there are any.
    type: list
    elements: str
    default: []
  rewritten: {description: "Files that check mode would have written.", type: list, elements: path, default: []}
"""

RETURN = r"""
done: {description: "What was done, or would be, by unit.", returned: success, type: dict}
overrides: {description: "What overrides a unit, and remains: C(name) and C(diff).", returned: success, type: list}
"""

_AT_BOOT = ("enabled", "enabled-runtime", "static", "indirect", "generated", "alias")
_STOPPED = "stopped and disabled"
_RUNS = ("active", "activating", "reloading")


class UnitError(Exception):
    """systemd could not do it; the message says why."""


def systemctl(*arguments: str) -> str:
    command, environment = ["systemctl", *arguments], {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    if done.returncode != 0:
        raise UnitError(f"systemctl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def look(names: list[str]) -> dict[str, dict[str, str]]:
    return dict(zip(names, units(systemctl(*SHOW[1:], *names)), strict=True)) if names else {}


def due(known: dict[str, str], reads: list[str], rewritten: set[str], *, on_demand: bool = False) -> str:
    """What has to be done with a unit that shall run; empty when nothing has."""
    if on_demand and known["ActiveState"] not in _RUNS:
        return ""
    files = [*own_files(known), *reads]
    new = {*unread(files, moment(known["InactiveExitTimestamp"])), *rewritten.intersection(files)}
    words = []
    if known["ActiveState"] not in _RUNS:
        words.append("started")
    elif new:
        words.append(f"restarted for {', '.join(sorted(new))}")
    if known["UnitFileState"] not in _AT_BOOT and not on_demand:
        words.append("enabled")
    return " and ".join(words)


def runs(known: dict[str, str]) -> bool:
    return known["LoadState"] != "not-found" and (known["ActiveState"] in _RUNS or known["UnitFileState"] == "enabled")


def apply(name: str, what: str, files: list[str]) -> None:
    set_back(files)
    if what == _STOPPED:
        systemctl("--quiet", "disable", "--now", name)
    if what.endswith("enabled"):
        systemctl("--quiet", "enable", name)
    if what.startswith(("started", "restarted")):
        systemctl("restart" if what.startswith("restarted") else "start", name)


def main() -> None:
    module = AnsibleModule(
        {
            "units": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "reads": {"type": "list", "elements": "path", "default": []},
                    "on_demand": {"type": "bool", "default": False},
                },
            },
            "read_only": {"type": "list", "elements": "str", "default": []},
            "stopped": {"type": "list", "elements": "str", "default": []},
            "rewritten": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    reads = {entry["name"]: entry["reads"] for entry in asked["units"]}
    on_demand = {entry["name"] for entry in asked["units"] if entry["on_demand"]}
    names = [*reads, *asked["read_only"], *asked["stopped"]]
    rewritten = set(asked["rewritten"])
    done: dict[str, str] = {}
    try:
        known = look(names)
        stale = [name for name in names if not_read_by_systemd(known[name])]
        done |= dict.fromkeys(stale, "read again")
        if stale and not module.check_mode:
            systemctl("daemon-reload")
            known = look(names)
        for name, files in reads.items():
            if what := due(known[name], files, rewritten, on_demand=name in on_demand):
                done[name] = what
        done |= {name: _STOPPED for name in asked["stopped"] if runs(known[name])}
        if not module.check_mode:
            for name, what in done.items():
                apply(name, what, [*own_files(known[name]), *reads.get(name, [])])
    except UnitError as error:
        module.fail_json(msg=str(error))
    overrides = [
        {"name": name, "diff": f"{path} changes it, and no role wrote that: systemctl revert {name}, or remove it"}
        for name in names
        for path in overriding({**known[name], "Id": name})
    ]
    for entry in overrides:
        module.warn(f"{entry['name']}: {entry['diff']}")
    module.exit_json(changed=bool(done), done=done, overrides=overrides)


if __name__ == "__main__":
    main()
