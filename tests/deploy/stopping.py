"""Ending a run of a playbook in the middle."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.platform import Platform


@contextmanager
def stopping(platform: Platform, task: str, after: float, how: str) -> Iterator[dict[str, str]]:
    """The environment of a run that is ended so many seconds after that task's start.

    `how` is kill (the run gets SIGKILL) or cut (its connection is). Afterwards connections are let through again.
    """
    plugins = str(Path(__file__).parent / "plugins")
    try:
        yield {
            "ANSIBLE_CALLBACK_PLUGINS": plugins,
            "ANSIBLE_CALLBACKS_ENABLED": "stop_at",
            "MILKBOT_STOP_AT": task,
            "MILKBOT_STOP_AFTER": str(after),
            "MILKBOT_STOP_BY": how,
            "MILKBOT_STOP_ADDRESS": platform.address,
        }
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "milkbot_test"], check=False, capture_output=True)
