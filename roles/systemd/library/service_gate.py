"""Ansible module: wait until services answer as a release, and watch that they go on doing so."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: service_gate
short_description: Wait until services are healthy as a release, and stay so
description:
  - While a release is changed, the old and the new process accept on one socket, so an answer alone proves nothing.
    Only one that names the release and the unit's own invocation counts; of other processes it is asked for again.
  - Fails as soon as a unit has failed, or has given three wrong answers in a row, and shows its journal then.
options:
  services: {description: C(unit) and C(url) of each., type: list, elements: dict, required: true}
  release: {description: Id of the release that has to answer., type: str, required: true}
  wait: {description: Seconds for each to become healthy., type: int, default: 60}
  watch: {description: Seconds for which all have to stay healthy after that., type: int, default: 0}
"""

RETURN = r"""
seconds: {description: How long it took., returned: success, type: float}
"""

_PAUSE = 0.05
_WATCH_PAUSE = 1.0
_PATIENCE = 5.0
_WRONG_ANSWERS = 3
_JOURNAL_LINES = "30"
_PROPERTIES = ("ActiveState", "InvocationID")
# A proxy that the host's environment names is for others: these are this host's own addresses.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class GateError(Exception):
    """A service is not healthy; the message says how."""


@dataclass
class Service:
    """One unit and where it answers."""

    unit: str
    url: str
    release: str
    invocation: str = ""
    last: str = "nothing"
    wrong: int = field(default=0)

    def state(self) -> dict[str, str]:
        command = ["systemctl", "show", f"--property={','.join(_PROPERTIES)}", self.unit]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own words
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def healthy(self) -> bool:
        """Ask once, on a connection of its own. False when another process answered, or nobody did yet."""
        try:
            with _DIRECT.open(self.url, timeout=_PATIENCE) as answer:
                status, headers = answer.status, answer.headers
        except urllib.error.HTTPError as error:
            status, headers = error.code, error.headers
        except OSError as error:
            self.last = str(error)
            return False
        named = headers.get("X-Milkbot-Release", ""), headers.get("X-Milkbot-Invocation", "")
        self.last = f"{status} as release {named[0] or 'unknown'}"
        if named[1] != self.invocation:
            return False
        if status == 200 and named[0] == self.release:
            self.wrong = 0
            return True
        self.wrong += 1
        if self.wrong >= _WRONG_ANSWERS:
            raise GateError(f"{self.unit} answers {self.url} with {self.last}; release {self.release} was expected")
        return False


def wait_for(service: Service, seconds: int) -> None:
    """Until it is healthy. A unit that is started anew meanwhile, by its Restart=, is waited for as well."""
    deadline = time.monotonic() + seconds
    while True:
        state = service.state()
        service.invocation = state["InvocationID"]
        if state["ActiveState"] == "failed":
            raise GateError(f"{service.unit} has failed")
        if state["ActiveState"] == "active" and service.healthy():
            return
        if time.monotonic() >= deadline:
            raise GateError(
                f"{service.unit} is {state['ActiveState']} and not healthy at {service.url} as release "
                f"{service.release} after {seconds} seconds; the last answer there was {service.last}"
            )
        time.sleep(_PAUSE)


def watch(services: list[Service], seconds: int) -> None:
    """All of them keep their process, and keep answering."""
    deadline = time.monotonic() + seconds
    misses = dict.fromkeys((service.unit for service in services), 0)
    while time.monotonic() < deadline:
        for service in services:
            state = service.state()
            if state["ActiveState"] != "active" or state["InvocationID"] != service.invocation:
                raise GateError(f"{service.unit} was healthy, and then ended: it is {state['ActiveState']} now")
            misses[service.unit] = 0 if service.healthy() else misses[service.unit] + 1
            if misses[service.unit] >= _WRONG_ANSWERS:
                raise GateError(f"{service.unit} was healthy, and then stopped answering: {service.last}")
        time.sleep(_WATCH_PAUSE)


def journal(unit: str) -> list[str]:
    command = ["journalctl", f"--unit={unit}", f"--lines={_JOURNAL_LINES}", "--no-pager", "--output=cat"]
    said = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    return said.stdout.splitlines()


def main() -> None:
    module = AnsibleModule(
        {
            "services": {"type": "list", "elements": "dict", "required": True},
            "release": {"type": "str", "required": True},
            "wait": {"type": "int", "default": 60},
            "watch": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    services = [Service(entry["unit"], entry["url"], asked["release"]) for entry in asked["services"]]
    began = time.monotonic()
    try:
        for service in services:
            wait_for(service, asked["wait"])
        watch(services, asked["watch"])
    except GateError as error:
        units = [service.unit for service in services if str(error).startswith(service.unit)]
        module.fail_json(msg=str(error), journal={unit: journal(unit) for unit in units})
    module.exit_json(changed=False, seconds=round(time.monotonic() - began, 2))


if __name__ == "__main__":
    main()
