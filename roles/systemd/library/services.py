"""Ansible module: services that run as a release, with zero-downtime restarts."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_gate import (
    GateError,
    Service,
    forget_failures,
    journal,
    properties,
    systemctl,
    wait_for,
)
from ansible.module_utils.milkbot_loaded import SHOW, Known, moment, own_files, set_back, unread
from ansible.module_utils.milkbot_loaded import units as shown

DOCUMENTATION = r"""
module: services
short_description: Have services run as a release, without a pause
description:
  - A service that runs and began before its unit, its settings or its release changed is restarted by a hand-over,
    whoever changed them and whenever; one whose socket began before its unit changed is restarted with it. First a
    helper unit (NAME-next) of each is started on the same sockets; when every helper has proved that it is healthy
    as the release, the services are restarted, while the helpers serve; when these have proved the same, the
    helpers are stopped. Two processes accept on each socket meanwhile, so that no connection even waits.
  - When a helper is not healthy all of them are stopped, and the services were not touched.
  - While a release is changed, the old and the new process accept on one socket, so an answer alone proves nothing.
    Only one that names the release and the unit's own invocation counts.
options:
  services:
    description: C(name), C(url) where it answers, and C(reads), what it reads at its start in addition to its unit.
    type: list
    elements: dict
    required: true
  current: {description: "Link to the release that has to answer, known by its name.", type: path, required: true}
  rewritten: {description: "Files that check mode would have written.", type: list, elements: path, default: []}
  again:
    description: Names of the services that are restarted though they have read everything.
    type: list
    elements: str
    default: []
  wait: {description: Seconds for the services to become healthy., type: int, default: 60}
"""

RETURN = r"""
done:
  description: "What was done, by service: handed over, started, restarted with its socket, or nothing."
  returned: success
  type: dict
release: {description: Id of the release that answers., returned: success, type: str}
began_at: {description: "When it began by the host's clock, in seconds since the epoch.", returned: success, type: int}
seconds: {description: How long it took., returned: success, type: float}
"""


@dataclass(frozen=True)
class Unit:
    """One service with its socket and its helper."""

    name: str
    url: str
    reads: tuple[str, ...]
    rewritten: frozenset[str]
    again: bool

    @property
    def main(self) -> str:
        return f"{self.name}.service"

    @property
    def helper(self) -> str:
        return f"{self.name}-next.service"

    @property
    def socket(self) -> str:
        return f"{self.name}.socket"

    def due(self) -> str:
        """What has to be done with it; empty when it runs, and has read everything."""
        main, socket = shown(systemctl(*SHOW[1:], self.main, self.socket))
        if main["ActiveState"] != "active":
            return "started"
        if self._unread(socket, ()):
            return "restarted with its socket"
        return "handed over" if self.again or self._unread(main, self.reads) else ""

    def _unread(self, unit: Known, reads: tuple[str, ...]) -> bool:
        files = [*own_files(unit), *reads]
        return bool(unread(files, moment(unit["InactiveExitTimestamp"])) or self.rewritten.intersection(files))

    def followers(self) -> list[str]:
        """Units that systemd restarts together with it, and their sockets."""
        names = properties(self.main, "ConsistsOf")["ConsistsOf"].split()
        return names + [socket for name in names for socket in properties(name, "TriggeredBy")["TriggeredBy"].split()]

    def set_back(self) -> None:
        for unit in shown(systemctl(*SHOW[1:], self.main, self.socket)):
            set_back([*own_files(unit), *self.reads])


def has_failed(name: str) -> bool:
    return properties(name, "ActiveState")["ActiveState"] == "failed"


def hand_over(units: list[Unit], release: str, seconds: int) -> None:
    """Replace the processes of running services. Raises GateError; then the services are as they were."""
    if not units:
        return
    helpers = [unit.helper for unit in units]
    try:
        systemctl("restart", *helpers)
        wait_for([Service(unit.helper, unit.url, release) for unit in units], seconds)
    except GateError:
        systemctl("stop", *helpers)
        forget_failures(helpers)
        raise
    # Should it fail from here on, the helpers go on serving.
    systemctl("restart", *(unit.main for unit in units))
    wait_for([Service(unit.main, unit.url, release) for unit in units], seconds)
    systemctl("stop", *helpers)


def listen(units: list[Unit], due: dict[str, str]) -> bool:
    """Have every socket listen, and start at boot. Returns whether one did not."""
    for unit in units:
        if due[unit.name] == "restarted with its socket":
            systemctl("stop", unit.helper, unit.main, unit.socket)
    wanted = [name for unit in units for name in (unit.socket, unit.main)]
    disabled = [name for name in wanted if properties(name, "UnitFileState")["UnitFileState"] != "enabled"]
    deaf = [unit.socket for unit in units if properties(unit.socket, "ActiveState")["ActiveState"] != "active"]
    if disabled:
        systemctl("--quiet", "enable", *disabled)
    if deaf:
        # A process that inherited the address before holds it still.
        systemctl("stop", *(name for unit in units if unit.socket in deaf for name in (unit.helper, unit.main)))
        systemctl("start", *deaf)
    return bool(disabled or deaf)


def serve(units: list[Unit], due: dict[str, str], release: str, seconds: int) -> bool:
    """Bring all to the release, and prove it. Returns whether more was done than `due` says."""
    # Else what was started too often of late would be refused the next start, and a socket closed with its service.
    followers = [name for unit in units for name in unit.followers()]
    closed = [name for name in followers if name.endswith(".socket") and has_failed(name)]
    forget_failures([*followers, *(name for unit in units for name in (unit.helper, unit.main, unit.socket))])
    if closed:
        systemctl("start", *closed)
    for unit in units:
        unit.set_back()
    listened = listen(units, due)
    hand_over([unit for unit in units if due[unit.name] == "handed over"], release, seconds)
    started = [unit.main for unit in units if due[unit.name] not in ("", "handed over")]
    if started:
        systemctl("start", *started)
    wait_for([Service(unit.main, unit.url, release) for unit in units], seconds)
    # What a run that was killed left serving: of another release, perhaps.
    left = [unit.helper for unit in units if properties(unit.helper, "ActiveState")["ActiveState"] != "inactive"]
    if left:
        systemctl("stop", *left)
    return listened or bool(left or closed)


def main() -> None:
    module = AnsibleModule(
        {
            "services": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "url": {"type": "str", "required": True},
                    "reads": {"type": "list", "elements": "path", "default": []},
                },
            },
            "current": {"type": "path", "required": True},
            "rewritten": {"type": "list", "elements": "path", "default": []},
            "again": {"type": "list", "elements": "str", "default": []},
            "wait": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    units = [
        Unit(
            entry["name"],
            entry["url"],
            tuple(entry["reads"]),
            frozenset(asked["rewritten"] if module.check_mode else ()),
            entry["name"] in asked["again"],
        )
        for entry in asked["services"]
    ]
    release = Path(os.path.realpath(asked["current"])).name
    began, began_at = time.monotonic(), int(time.time())
    try:
        due = {unit.name: unit.due() for unit in units}
        more = False if module.check_mode else serve(units, due, release, asked["wait"])
    except GateError as error:
        module.fail_json(msg=str(error), journal={error.unit: journal(error.unit)})
    seconds = round(time.monotonic() - began, 2)
    module.exit_json(changed=more or any(due.values()), done=due, release=release, seconds=seconds, began_at=began_at)


if __name__ == "__main__":
    main()
