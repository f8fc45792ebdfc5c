"""The control node's half of deploy_lock: who we are, how long to wait, and whether another owner is dead."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

# What the module imports on the host; here Ansible offers no import for it.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

import milkbot_lock as lock

_PAUSE_SECONDS = 1.0


def shown(answer: dict[str, Any]) -> str:
    """Who holds the lock, in words."""
    holder = answer.get("holder")
    if not holder:
        return "nobody holds it"
    dead = answer.get("dead") or lock.provably_dead(holder)
    return str(lock.described(holder)) + ("; it is gone, so the next run takes the lock" if dead else "")


class ActionModule(ActionBase):
    """Takes the lock within `wait` seconds, or fails with its owner's name."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        asked = dict(self._task.args)
        wait, purpose = float(asked.pop("wait", 0)), str(asked.pop("purpose", "a run"))
        if asked.get("state") in ("held", "free"):
            # The process whose workers run the tasks.
            asked["owner"] = lock.owner(purpose, os.getppid())
        answer = self._ask(asked, task_vars)
        if asked.get("state") != "held":
            return answer | {"shown": shown(answer)}
        return self._take(asked, answer, time.monotonic() + wait, task_vars)

    def _take(
        self, asked: dict[str, Any], answer: dict[str, Any], until: float, task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        mine, waits_for = asked["owner"]["run"], ""
        while (holder := answer.get("holder")) and holder["run"] != mine and not answer.get("failed"):
            if answer.get("taken_from"):  # check mode: it would have been
                break
            if lock.provably_dead(holder):
                self._say_taken_from(holder)
                answer = self._ask(asked | {"instead_of": holder["run"]}, task_vars)
                if self._task.check_mode:  # nothing was written, so the next look would find the same owner
                    return answer
                continue
            if self._task.check_mode or time.monotonic() >= until:
                fix = "wait for it (-e lock_wait=SECONDS); if it is dead, free the lock: unlock.yml"
                return answer | {"failed": True, "msg": f"the lock is held by {lock.described(holder)}; {fix}"}
            if waits_for != holder["run"]:
                waits_for = holder["run"]
                self._display.display(f"waiting for the lock, which is held by {lock.described(holder)}")
            time.sleep(_PAUSE_SECONDS)
            answer = self._ask(asked, task_vars)
        if gone := answer.get("taken_from"):
            self._say_taken_from(gone)
        return answer

    def _say_taken_from(self, holder: dict[str, Any]) -> None:
        self._display.warning(f"the lock passes to this run: its owner, {lock.described(holder)}, is gone")

    def _ask(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="deploy_lock", module_args=arguments, task_vars=task_vars
        )
        return answer
