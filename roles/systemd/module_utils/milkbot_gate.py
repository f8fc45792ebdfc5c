"""What the modules of this role share: a unit of systemd's, and whether it answers as the release that it should be."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field

_PAUSE = 0.1
_PATIENCE = 5.0
WRONG_ANSWERS = 3
_JOURNAL_LINES = "30"
# A proxy that the host's environment names is for others: these are this host's own addresses.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class GateError(Exception):
    """A unit is not as it should be; the message says how, and begins with its name."""

    def __init__(self, unit: str, what: str) -> None:
        super().__init__(f"{unit} {what}")
        self.unit = unit


def systemctl(*arguments: str) -> str:
    """What it printed. Raises GateError in its own words."""
    command = ["systemctl", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise GateError(arguments[-1], f"could not be asked to {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def forget_failures(units: Iterable[str]) -> None:
    """So that units which failed can be started again. One that systemd has not loaded has nothing to forget."""
    subprocess.run(["systemctl", "reset-failed", *units], check=False, capture_output=True)  # noqa: S603, S607 - our own words


def properties(unit: str, *names: str) -> dict[str, str]:
    said = systemctl("show", f"--property={','.join(names)}", unit)
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def journal(unit: str) -> list[str]:
    command = ["journalctl", f"--unit={unit}", f"--lines={_JOURNAL_LINES}", "--no-pager", "--output=cat"]
    said = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    return said.stdout.splitlines()


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
        return properties(self.unit, "ActiveState", "InvocationID")

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
        if self.wrong >= WRONG_ANSWERS:
            raise GateError(self.unit, f"answers {self.url} with {self.last}; release {self.release} was expected")
        return False


def wait_for(services: Iterable[Service], seconds: float) -> None:
    """Until all are healthy. A unit that is started again meanwhile, by its Restart=, is waited for too."""
    waiting, deadline = list(services), time.monotonic() + seconds
    while waiting:
        waiting = [service for service in waiting if not _arrived(service, deadline, seconds)]
        time.sleep(_PAUSE if waiting else 0)


def _arrived(service: Service, deadline: float, seconds: float) -> bool:
    state = service.state()
    service.invocation = state["InvocationID"]
    if state["ActiveState"] == "failed":
        raise GateError(service.unit, "has failed")
    if state["ActiveState"] == "active" and service.healthy():
        return True
    if time.monotonic() >= deadline:
        raise GateError(
            service.unit,
            f"is {state['ActiveState']} and not healthy at {service.url} as release {service.release} after "
            f"{seconds:g} seconds; the last answer there was {service.last}",
        )
    return False
