"""Ansible module: timers and the oneshots that they start, held while a release is changed, and started again."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_loaded import SHOW, moment, own_files, set_back, units, unread

DOCUMENTATION = r"""
module: timers
short_description: Hold timers while nothing may run, and start them again
description:
  - C(held) stops the timers and waits for a run that is under way, which is never ended. Should whoever holds them be
    killed, or lose its connection, a timer of systemd's own starts them again after C(resume_after).
  - C(running) enables and starts them, restarts one that began before its unit changed, and lets go of that timer.
  - Timers that are not installed are left out.
options:
  names: {description: Of the units without suffix., type: list, elements: str, required: true}
  state: {choices: [held, running], type: str, required: true}
  rewritten: {description: "Files that check mode would have written.", type: list, elements: path, default: []}
  again: {description: "Timers, with suffix, that are restarted in any case.", type: list, elements: str, default: []}
  resume_after: {description: Minutes after which held timers start again by themselves., type: int, default: 15}
  wait: {description: Seconds to wait for a run that is under way., type: int, default: 300}
"""

RETURN = r"""
last_status:
  description: "Exit status of each service's last run, by its unit."
  returned: always
  type: dict
"""

_RESUME = "milkbot-resume"
_PAUSE = 0.1
_SETTLED = "active, enabled"


class TimersError(Exception):
    """What was asked for could not be done; the message says why and what to do."""


def _systemctl(*arguments: str) -> str:
    command = ["systemctl", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise TimersError(f"systemctl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _shown(unit: str, name: str) -> str:
    return _systemctl("show", f"--property={name}", "--value", unit).strip()


def installed(names: list[str]) -> list[str]:
    return [name for name in names if _shown(f"{name}.timer", "LoadState") == "loaded"]


def hold(names: list[str], minutes: int, seconds: int) -> None:
    timers = [f"{name}.timer" for name in names]
    _arm(timers, minutes)
    _systemctl("stop", *timers)
    deadline = time.monotonic() + seconds
    for name in names:
        while _shown(f"{name}.service", "ActiveState") == "activating":
            if time.monotonic() >= deadline:
                fix = f"see journalctl -u {name}, and run this again once it has ended"
                raise TimersError(f"{name}.service still runs after {seconds} seconds; {fix}")
            time.sleep(_PAUSE)


def _arm(timers: list[str], minutes: int) -> None:
    """At no point would it be wrong that they start: the link always points to a release that the schema fits."""
    command = [
        *("systemd-run", "--quiet", f"--unit={_RESUME}", f"--on-active={minutes}min", "--collect"),
        "--description=Milkbot: start the timers that a deploy left stopped",
        "--timer-property=AccuracySec=1s",
        *("systemctl", "start", *timers),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    # One that a run which was killed left armed does as well.
    if done.returncode != 0 and "already" not in done.stderr:
        raise TimersError(f"the timer that would start the trader again could not be made: {done.stderr.strip()}")


def outdated(names: list[str], again: list[str], rewritten: list[str]) -> list[str]:
    """Timers that run, and not as their units say."""
    found = []
    for name in names:
        known = units(_systemctl(*SHOW[1:], f"{name}.timer"))[0]
        files = own_files(known)
        new = unread(files, moment(known["InactiveExitTimestamp"])) or set(rewritten).intersection(files)
        if known["ActiveState"] == "active" and (new or f"{name}.timer" in again):
            found.append(f"{name}.timer")
    return found


def run(names: list[str], restarted: list[str]) -> None:
    timers = [f"{name}.timer" for name in names]
    disabled = [unit for unit in timers if _shown(unit, "UnitFileState") != "enabled"]
    if disabled:
        _systemctl("--quiet", "enable", *disabled)
    _systemctl("start", *timers)
    if restarted:
        for known in units(_systemctl(*SHOW[1:], *restarted)):
            set_back(own_files(known))
        _systemctl("restart", *restarted)
    if _shown(f"{_RESUME}.timer", "ActiveState") == "active":
        _systemctl("stop", f"{_RESUME}.timer")


def _state(name: str) -> str:
    return f"{_shown(f'{name}.timer', 'ActiveState')}, {_shown(f'{name}.timer', 'UnitFileState')}"


def differences(names: list[str], rewritten: list[str]) -> list[dict[str, str]]:
    """What running them would change, a difference for each timer."""
    found = []
    for name in names:
        unit, before = f"{name}.timer", _state(name)
        after = _SETTLED + (", with its new unit" if unit in rewritten else "")
        if before != after:
            sides = {"before": f"{before}\n", "after": f"{after}\n"}
            found.append({"before_header": unit, "after_header": unit, **sides})
    return found


def main() -> None:
    module = AnsibleModule(
        {
            "names": {"type": "list", "elements": "str", "required": True},
            "state": {"choices": ["held", "running"], "required": True},
            "rewritten": {"type": "list", "elements": "path", "default": []},
            "again": {"type": "list", "elements": "str", "default": []},
            "resume_after": {"type": "int", "default": 15},
            "wait": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    diff: list[dict[str, str]] = []
    try:
        names = installed(asked["names"])
        statuses = {f"{name}.service": _shown(f"{name}.service", "ExecMainStatus") for name in names}
        if asked["state"] == "held":
            changed = any(_shown(f"{name}.timer", "ActiveState") == "active" for name in names)
            if names and not module.check_mode:
                hold(names, asked["resume_after"], asked["wait"])
        else:
            restarted = outdated(names, asked["again"], asked["rewritten"] if module.check_mode else [])
            diff = differences(names, restarted)
            changed = bool(diff)
            if names and not module.check_mode:
                run(names, restarted)
    except TimersError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, last_status=statuses, diff=diff)


if __name__ == "__main__":
    main()
