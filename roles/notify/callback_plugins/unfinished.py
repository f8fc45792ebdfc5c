"""Notifies of deploys that began and sent no report of their own: the host was lost, or the way back failed too.

Ansible runs no task any more for a host that it cannot reach, so no role can notify.
"""

from __future__ import annotations

import atexit
from datetime import UTC, datetime
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import action_loader
from ansible.template import Templar

DOCUMENTATION = r"""
name: unfinished
type: notification
short_description: Notify the channels of notify_urls of deploys that sent no report of their own
description:
  - Follows the role notify. Where the start was sent and the host failed or was lost before the end, it sends the
    failure at the end of the run, also when that was interrupted (not when it was killed).
"""

_INTERRUPTED = "the run was interrupted"


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "unfinished"

    def __init__(self) -> None:
        super().__init__()
        self._play: Any = None
        # By host's name: the host and the line of its start message, and what went wrong last.
        self._begun: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._wrong: dict[str, dict[str, str]] = {}
        # A run that is interrupted ends without its statistics.
        atexit.register(self._tell)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play

    def v2_runner_on_ok(self, result: Any) -> None:
        if result.task.action == "notification" and (event := result.result.get("event")):
            self._begun.pop(result.host.name, None)
            if event == "start":
                self._begun[result.host.name] = (result.host, result.result["line"])

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001 -- Ansible's
        if not ignore_errors:
            self._note(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._note(result, "unreachable")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        ended = self._begun.keys() - stats.failures.keys() - stats.dark.keys()
        for name in ended:
            del self._begun[name]
        self._tell()

    def _note(self, result: Any, otherwise: str) -> None:
        said = result.result.get("msg") or otherwise
        self._wrong[result.host.name] = {"task": result.task.name, "reason": str(said)}

    def _tell(self) -> None:
        while self._begun:
            name, (host, line) = self._begun.popitem()
            variables = self._play.get_variable_manager().get_vars(play=self._play, host=host)
            template = Templar(loader=DataLoader(), variables=variables).template
            ended = {"at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "result": "failed"}
            wrong = self._wrong.get(name, {"reason": _INTERRUPTED})
            action_loader.get("notification", class_only=True).report(
                variables, template, "failure", {**line, **ended, **wrong}, self._display.warning
            )
