"""The control node's half of deploy_lock: who we are, how long to wait, and whether another owner is dead."""

from __future__ import annotations

import getpass
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

_PAUSE_SECONDS = 1.0


def boot_id() -> str:
    """This boot of this machine; another one, or another machine, has another."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def started(pid: int) -> str | None:
    """When that process began, in the kernel's ticks since boot; None when there is none. Numbers are used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    # The name in brackets may hold anything, so the fields are counted from its end: state is the third, this the 22nd.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def owner(purpose: str) -> dict[str, Any]:
    """This run of ansible-playbook: the process whose workers run the tasks."""
    pid = os.getppid()
    host, began = socket.gethostname(), started(pid)
    return {
        "run": f"{host}:{boot_id()}:{pid}:{began}",
        "purpose": purpose,
        "user": getpass.getuser(),
        "host": host,
        "pid": pid,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def provably_dead(holder: dict[str, Any]) -> bool:
    """Whether its owner ran in this boot of this machine and its process is gone. Of others nothing is known."""
    _, boot, pid, began = (str(holder.get("run", "")).split(":") + [""] * 4)[:4]
    return boot == boot_id() and pid.isdigit() and started(int(pid)) != began


def described(holder: dict[str, Any]) -> str:
    known = {name: holder.get(name, "unknown") for name in ("purpose", "user", "host", "pid", "since")}
    return "{purpose} of {user} on {host} (process {pid}) since {since}".format(**known)


class ActionModule(ActionBase):
    """Takes the lock within `wait` seconds, or fails with its owner's name."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        asked = dict(self._task.args)
        wait, purpose = float(asked.pop("wait", 0)), str(asked.pop("purpose", "a run"))
        if asked.get("state") in ("held", "free"):
            asked["owner"] = owner(purpose)
        answer = self._ask(asked, task_vars)
        if asked.get("state") != "held":
            holder = answer.get("holder")
            return answer | {"shown": described(holder) if holder else "nobody holds it"}
        return self._take(asked, answer, time.monotonic() + wait, task_vars)

    def _take(
        self, asked: dict[str, Any], answer: dict[str, Any], until: float, task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        mine = asked["owner"]["run"]
        while (holder := answer.get("holder")) and holder["run"] != mine and not answer.get("failed"):
            if provably_dead(holder):
                self._display.warning(f"the lock is taken over: its owner, {described(holder)}, is gone")
                answer = self._ask(asked | {"instead_of": holder["run"]}, task_vars)
                if self._task.check_mode:  # nothing was written, so the next look would find the same owner
                    return answer
                continue
            if self._task.check_mode or time.monotonic() >= until:
                mend = "wait for it (-e lock_wait=SECONDS), or look at it and free it: unlock.yml"
                return answer | {"failed": True, "msg": f"the lock is held by {described(holder)}; {mend}"}
            time.sleep(_PAUSE_SECONDS)
            answer = self._ask(asked, task_vars)
        return answer

    def _ask(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="deploy_lock", module_args=arguments, task_vars=task_vars
        )
        return answer
