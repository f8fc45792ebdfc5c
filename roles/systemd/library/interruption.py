"""Ansible module: a command that takes PostgreSQL away for a moment, while whoever asks the API waits."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
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

DOCUMENTATION = r"""
module: interruption
short_description: Take PostgreSQL away for a moment, and say who noticed
description:
  - The service that asks it is begun anew first, and answers what it was asked already. What is asked from then on
    waits in its socket, which systemd keeps, until PostgreSQL is back and the new process begins. No backup is cut off.
  - Whatever fails, or is killed on the way, the service begins again by itself.
  - The service is asked ten times a second meanwhile, and what that found is returned.
options:
  command: {description: "Takes PostgreSQL away, and brings it back.", type: list, elements: str, required: true}
  service: {description: C(name) of the service that asks it and C(url) where that answers., type: dict, required: true}
  current: {description: "Link to the release that has to answer, known by its name.", type: path, required: true}
  socket_dir: {description: Where PostgreSQL's socket is., type: path, required: true}
  backup_lock: {description: "The lock that backup-database.sh holds.", type: path, required: true}
  wait: {description: Seconds to wait for a backup that is under way., type: int, default: 600}
  patience: {description: Seconds for PostgreSQL and the service to be back., type: int, default: 90}
"""

RETURN = r"""
away: {description: Seconds for which PostgreSQL took no connection., returned: success, type: float}
seconds: {description: Seconds for which the service's requests waited., returned: success, type: float}
asked: {description: How many requests were made of it meanwhile., returned: success, type: int}
wrong: {description: "Of those, the answers that were no 200, in words.", returned: success, type: list}
slowest: {description: Seconds that the slowest of them took., returned: success, type: float}
began_at: {description: "When it began by the host's clock, in seconds since the epoch.", returned: success, type: int}
"""

_GATE = Path("/run/milkbot-interruption")
_PAUSE = 0.1
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# The gate holds the number of our process: one that a killed run left is open.
_DROP_IN = """\
[Service]
TimeoutStartSec={total}
ExecStartPre=+-/usr/bin/timeout {patience} /bin/sh -c \\
    'while kill -0 "$$(cat {gate})" || ! pg_isready --quiet --host={socket_dir}; do sleep 0.05; done 2>/dev/null'
"""


@contextmanager
def meanwhile(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Have that done in a thread beside the block, until the block ends and the work has."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass
class Visitor:
    """Asks all the time, and does not wait for one answer before the next question."""

    url: str
    patience: float
    asked: int = 0
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def _ask(self) -> None:
        begun, wrong = time.monotonic(), ""
        try:
            with _DIRECT.open(self.url, timeout=self.patience) as answer:
                wrong = "" if answer.status == 200 else str(answer.status)
        except urllib.error.HTTPError as error:
            wrong = str(error.code)
        except OSError as error:
            wrong = str(error)
        with self._guard:
            self.asked += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
            if wrong:
                self.failed.append(wrong)

    def go_on(self, stop: threading.Event) -> None:
        """Until it has to stop, and everything that was asked is answered."""
        with ThreadPoolExecutor(256) as pool:
            while not stop.wait(_PAUSE):
                pool.submit(self._ask)


@dataclass
class Watch:
    """How long PostgreSQL took no connection."""

    path: Path
    away: float = 0.0

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.path))
            except OSError:
                return False
        return True

    def look(self, stop: threading.Event) -> None:
        """Until it has to stop."""
        last = time.monotonic()
        while not stop.wait(0.02):
            now = time.monotonic()
            if not self._listens():
                self.away += now - last
            last = now


@contextmanager
def without_backups(lock: Path, seconds: int) -> Iterator[None]:
    """No dump is under way, and none begins. Raises GateError when one does not end."""
    file, deadline = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise GateError("backup-database.sh", f"still runs after {seconds} seconds") from None
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(file)


@contextmanager
def waiting(service: Service, socket_dir: str, patience: int) -> Iterator[None]:
    """The service's old process has ended, and a new one waits until the block has ended and PostgreSQL is back."""
    name = service.unit.removesuffix(".service")
    drop_in = Path(f"/run/systemd/system/{service.unit}.d/milkbot-interruption.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    text = _DROP_IN.format(total=patience + 60, patience=patience, gate=_GATE, socket_dir=socket_dir)
    drop_in.write_text(text, encoding="utf-8")
    _GATE.write_text(str(os.getpid()), encoding="ascii")
    try:
        systemctl("daemon-reload")
        systemctl("stop", f"{name}-next.service")
        forget_failures([service.unit])
        # No stop: the next request would cancel that, by its start.
        before = properties(service.unit, "InvocationID")
        systemctl("restart", "--no-block", service.unit)
        until_begun_anew(service.unit, before["InvocationID"], patience)
        yield
    finally:
        _GATE.unlink(missing_ok=True)
        systemctl("start", service.unit)
        drop_in.unlink(missing_ok=True)
        systemctl("daemon-reload")


def until_begun_anew(unit: str, before: str, patience: int) -> None:
    """Until its old process has answered what it owes, and ended."""
    deadline = time.monotonic() + patience
    while True:
        state = properties(unit, "InvocationID", "ActiveState")
        if state["ActiveState"] == "activating" and state["InvocationID"] != before:
            return
        if state["ActiveState"] == "failed" or time.monotonic() >= deadline:
            raise GateError(unit, f"did not begin anew within {patience} seconds: it is {state['ActiveState']}")
        time.sleep(_PAUSE / 2)


def take_away(command: list[str]) -> None:
    # So that its last checkpoint, for which everybody waits, has nothing left to write.
    subprocess.run(
        ["runuser", "-u", "postgres", "--", "psql", "-XqAtc", "CHECKPOINT"],  # noqa: S607
        check=False,
        capture_output=True,
        cwd="/",
    )
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own role's words
    if done.returncode != 0:
        raise GateError(command[-1], f"({' '.join(command)}) left with {done.returncode}: {done.stderr.strip()}")


def main() -> None:
    module = AnsibleModule(
        {
            "command": {"type": "list", "elements": "str", "required": True},
            "service": {"type": "dict", "required": True},
            "current": {"type": "path", "required": True},
            "socket_dir": {"type": "path", "required": True},
            "backup_lock": {"type": "path", "required": True},
            "wait": {"type": "int", "default": 600},
            "patience": {"type": "int", "default": 90},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=True)
    asked: dict[str, Any] = module.params
    release = Path(os.path.realpath(asked["current"])).name
    service = Service(f"{asked['service']['name']}.service", asked["service"]["url"], release)
    visitor = Visitor(service.url, asked["patience"] + 60)
    watch = Watch(Path(asked["socket_dir"], ".s.PGSQL.5432"))
    try:
        with without_backups(Path(asked["backup_lock"]), asked["wait"]):
            began, began_at = time.monotonic(), int(time.time())
            with meanwhile(visitor.go_on), meanwhile(watch.look):
                with waiting(service, asked["socket_dir"], asked["patience"]):
                    take_away(asked["command"])
                wait_for([service], asked["patience"])
                seconds = time.monotonic() - began
    except GateError as error:
        module.fail_json(msg=str(error), journal={error.unit: journal(error.unit)})
    module.exit_json(
        changed=True,
        away=round(watch.away, 2),
        seconds=round(seconds, 2),
        asked=visitor.asked,
        wrong=visitor.failed,
        slowest=round(visitor.slowest, 2),
        began_at=began_at,
    )


if __name__ == "__main__":
    main()
