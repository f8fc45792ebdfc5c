"""Ansible callback plugin of the tests: ends a run at the start of a task, or notes the tasks that changed the host.

`MILKBOT_STOP_AT` is the task's name, `MILKBOT_STOP_AFTER` how many seconds after its start, and `MILKBOT_STOP_BY` how:
`kill` is a SIGKILL of the control process, `cut` takes away the ssh connections to `MILKBOT_STOP_ADDRESS` and lets no
other in. `MILKBOT_STOP_ONCE_DONE` names a task after whose end the run is ended at once.
Names of tasks that changed something are appended to the file that `MILKBOT_NOTE_TASKS` names.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: stop_at
type: aggregate
short_description: End a run at a task
description: See the module's first lines.
"""

CUT = """
table inet milkbot_test {{
    chain output {{
        type filter hook output priority 0
        ip daddr {address} tcp dport 22 reject with tcp reset
    }}
}}
"""


def stop() -> None:
    if os.environ["MILKBOT_STOP_BY"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    rules = CUT.format(address=os.environ["MILKBOT_STOP_ADDRESS"])
    subprocess.run(["nft", "--file", "-"], input=rules, text=True, check=True)


class CallbackModule(CallbackBase):  # type: ignore[misc] # Ansible has no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "stop_at"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002, FBT001 - Ansible's signature
        if task.name == os.environ.get("MILKBOT_STOP_AT"):
            after = float(os.environ.get("MILKBOT_STOP_AFTER", "0"))
            if after == 0:
                stop()
            else:
                threading.Timer(after, stop).start()

    def v2_runner_on_ok(self, result: Any) -> None:
        if result.task.name == os.environ.get("MILKBOT_STOP_ONCE_DONE"):
            stop()
        notes = os.environ.get("MILKBOT_NOTE_TASKS")
        if notes and result.is_changed():
            with Path(notes).open("a", encoding="utf-8") as file:
                file.write(result.task.name + "\n")
