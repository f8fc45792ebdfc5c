"""Ansible module: watch that services remain healthy as a release, and that the trader's next run succeeds."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_gate import (
    WRONG_ANSWERS,
    GateError,
    Service,
    journal,
    properties,
    systemctl,
    wait_for,
)

DOCUMENTATION = r"""
module: service_watch
short_description: Watch that services remain healthy as a release
description:
  - Fails as soon as a service ends, or stops answering as the release that it has to be.
  - The oneshots are run once meanwhile, so that a release is not called good before it has done its work. A run that
    fails as the last one did before is no news and is let pass, and so is one that has not ended when the time is up.
options:
  services: {description: C(name) and C(url) of each., type: list, elements: dict, required: true}
  current: {description: "Link to the release that has to answer, known by its name.", type: path, required: true}
  seconds: {description: How long., type: int, required: true}
  oneshots:
    description: "Names of units to run once, each with the exit status of its last run before; see the module timers."
    type: dict
    default: {}
  tolerated:
    description: Exit statuses that say nothing against a release, as what it depends on was not there.
    type: list
    elements: int
    default: []
"""

RETURN = r"""
ran:
  description: "How each oneshot's run ended: its exit status, or running."
  returned: success
  type: dict
"""

_PAUSE = 1.0


@dataclass
class Oneshot:
    """A unit that is run once, and what its last run before left with."""

    unit: str
    before: str
    known: str = ""
    ended: str = "running"

    def begin(self) -> None:
        self.known = self._run()["InvocationID"]
        systemctl("start", "--no-block", self.unit)

    def _run(self) -> dict[str, str]:
        return properties(self.unit, "ActiveState", "InvocationID", "Result", "ExecMainStatus")

    def look(self, tolerated: set[str]) -> None:
        """Note how it ended. Raises GateError when that speaks against the release."""
        run = self._run()
        if run["InvocationID"] == self.known or run["ActiveState"] in ("activating", "deactivating", "reloading"):
            return
        self.ended = status = run["ExecMainStatus"]
        if run["Result"] == "success" or status in tolerated or status == self.before:
            return
        before = f"the run before left with {self.before}"
        raise GateError(self.unit, f"ran, and left with {status} ({run['Result']}); {before}")


def watch(services: list[Service], oneshots: list[Oneshot], seconds: int, tolerated: set[str]) -> None:
    """All of them keep their process, and keep answering."""
    wait_for(services, seconds=10)
    for oneshot in oneshots:
        oneshot.begin()
    deadline = time.monotonic() + seconds
    misses = dict.fromkeys((service.unit for service in services), 0)
    while time.monotonic() < deadline:
        for service in services:
            state = service.state()
            if state["ActiveState"] != "active" or state["InvocationID"] != service.invocation:
                raise GateError(service.unit, f"was healthy, and then ended: it is {state['ActiveState']} now")
            misses[service.unit] = 0 if service.healthy() else misses[service.unit] + 1
            if misses[service.unit] >= WRONG_ANSWERS:
                raise GateError(service.unit, f"was healthy, and then stopped answering: {service.last}")
        for oneshot in oneshots:
            oneshot.look(tolerated)
        time.sleep(_PAUSE)


def main() -> None:
    module = AnsibleModule(
        {
            "services": {"type": "list", "elements": "dict", "required": True},
            "current": {"type": "path", "required": True},
            "seconds": {"type": "int", "required": True},
            "oneshots": {"type": "dict", "default": {}},
            "tolerated": {"type": "list", "elements": "int", "default": []},
        }
    )
    asked: dict[str, Any] = module.params
    release = Path(os.path.realpath(asked["current"])).name
    services = [Service(f"{entry['name']}.service", entry["url"], release) for entry in asked["services"]]
    oneshots = [Oneshot(unit, str(status)) for unit, status in asked["oneshots"].items()]
    try:
        watch(services, oneshots, asked["seconds"], {str(status) for status in asked["tolerated"]})
    except GateError as error:
        module.fail_json(msg=str(error), journal={error.unit: journal(error.unit)})
    module.exit_json(changed=False, ran={oneshot.unit: oneshot.ended for oneshot in oneshots})


if __name__ == "__main__":
    main()
