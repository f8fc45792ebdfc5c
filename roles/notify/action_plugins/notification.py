"""Notifies the channels of notify_urls of a deploy, from the control node: the host may be what has failed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: notification
short_description: Notify the channels of notify_urls of a deploy
description:
  - Never fails for a channel that takes nothing, and sends nothing in check mode. Reads C(notify_urls), C(notify_on)
    and C(notify_timeout) from the variables, so that no address is an argument that Ansible could show.
options:
  event: {description: Without one the addresses are judged alone., type: str, choices: [start, success, failure]}
  line: {description: The history's line of the deploy; one that has only begun has no result., type: dict}
"""

RETURN = r"""
problems: {description: "Addresses that are not understood, as name, value and fix.", type: list}
event: {description: The event that was sent., type: str}
line: {description: With these words., type: dict}
"""

EVENTS = ("start", "success", "failure")
_ACTIONS = {"deploy": "update", "provision": "provisioning"}
_TYPES = {"start": "info"}
_LINE = ("at", "action", "result", "release", "before", "by", "task", "reason")
_SHOWN_REASON = 300

_PROGRAM = Path(__file__).resolve().parents[1] / "files/channels.py"
# What the program may need to load Apprise and to end, beyond the time for sending.
_GRACE_SECONDS = 10
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}(?=://)")
# In the addresses of others a token may stand where these have their host.
_WITH_HOST = re.compile(r"(http|json|form|xml)s?")

Problem = dict[str, str]


def label(url: str) -> str:
    """What of an address may be shown: its scheme, and its host where that is one."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return "(no scheme)"
    name = scheme[0].lower()
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return f"{name}://…"
    # Without a path, or where a mode says so, the host in an address of ntfy is its topic.
    own_server = name in ("ntfy", "ntfys") and len(parts.path) > 1 and "mode=" not in parts.query
    shown = bool(host) and (own_server or _WITH_HOST.fullmatch(name) is not None)
    return f"{name}://{host}/…" if shown else f"{name}://…"


def message(event: str, line: Mapping[str, Any], host: str) -> dict[str, str]:
    """Title, body and type of a notification, as Apprise calls them."""
    action = str(line.get("action", "deploy"))
    outcome = {"start": "started", "success": "succeeded", "failure": "FAILED"}[event]
    if event == "failure" and line.get("result") == "returned":
        outcome += f" and returned to {line.get('before') or 'nothing'}"
    shown = {name: " ".join(str(line.get(name) or "").split()) for name in _LINE}
    if len(shown["reason"]) > _SHOWN_REASON:
        shown["reason"] = shown["reason"][:_SHOWN_REASON] + " …"
    return {
        "title": f"milkbot: {_ACTIONS.get(action, action)} {outcome} on {host}",
        "body": "\n".join(f"{name}: {text}" for name, text in shown.items() if text),
        "type": _TYPES.get(event, event),
    }


class Settings(NamedTuple):
    """The variables of the role. Their types are checked before a run begins anything."""

    urls: list[str]
    on: list[str]
    timeout: int

    @classmethod
    def read(cls, variables: Mapping[str, Any], template: Callable[[Any], Any]) -> Settings:
        urls = template(variables.get("notify_urls", []))
        return cls(
            [urls] if isinstance(urls, str) else [str(url) for url in urls],
            list(template(variables.get("notify_on", EVENTS))),
            int(template(variables.get("notify_timeout", 10))),
        )

    def ask(self, **asked: Any) -> list[str | None] | None:
        """What is wrong with each address, by the program; None when the control node has no Apprise."""
        done = subprocess.run(  # noqa: S603 -- our own program, by the Python that runs Ansible
            [sys.executable, str(_PROGRAM)],
            input=json.dumps({"urls": self.urls, "timeout": self.timeout, **asked}),
            stdout=subprocess.PIPE,
            # Apprise writes addresses there.
            stderr=subprocess.DEVNULL,
            timeout=self.timeout + _GRACE_SECONDS,
            check=True,
            text=True,
        )
        answer = json.loads(done.stdout)
        wrong: list[str | None] = answer["wrong"]
        return wrong if answer["apprise"] else None


def missing() -> str:
    return f"no notification is sent: {sys.executable} has no apprise; `uv sync --group ops` installs it"


def send(settings: Settings, event: str, line: Mapping[str, Any], host: str, warn: Callable[[str], None]) -> None:
    """Send through every channel; what goes wrong is a warning each."""
    if event not in settings.on or not settings.urls:
        return
    content = message(event, line, host)
    wrong = settings.ask(**content)
    if wrong is None:
        warn(missing())
        return
    for number, (url, why) in enumerate(zip(settings.urls, wrong, strict=True), start=1):
        if why:
            place = f"{label(url)} (entry {number} of notify_urls)"
            warn(f"the notification to {place} was not taken: {why} ({content['title']})")


def judge(settings: Settings, warn: Callable[[str], None]) -> list[Problem]:
    """What is wrong with the variables before anything is sent."""
    if settings.timeout < 1:
        return [{"name": "notify_timeout", "value": str(settings.timeout), "fix": "give at least 1 second"}]
    wrong = settings.ask() if settings.urls else []
    if wrong is None:
        warn(missing())
        return []
    fix = "give an address that Apprise knows: https://, jsons://, slack://, ntfys:// and others"
    return [
        {"name": f"notify_urls, entry {number}", "value": f"{label(url)}, the rest is secret", "fix": fix}
        for number, (url, why) in enumerate(zip(settings.urls, wrong, strict=True), start=1)
        if why
    ]


# What can go wrong between the variables and an answer. The errors' own words could hold an address.
_WRONG = (AnsibleError, OSError, TypeError, ValueError, subprocess.SubprocessError)


def report(
    variables: Mapping[str, Any],
    template: Callable[[Any], Any],
    event: str,
    line: Mapping[str, Any],
    warn: Callable[[str], None],
) -> None:
    """Notify the channels that the variables name; never raises for what they hold."""
    host = str(variables["inventory_hostname"])
    try:
        send(Settings.read(variables, template), event, line, host, warn)
    except _WRONG as error:
        warn(f"the {event} on {host} was sent to nobody ({type(error).__name__})")


class ActionModule(ActionBase):  # type: ignore[misc]
    """Checks the channels, or notifies them."""

    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"event", "line"})
    # For what is not a task: a plugin of Ansible's cannot import another by its name.
    report = staticmethod(report)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        event, line = self._task.args.get("event"), self._task.args.get("line") or {}
        if event is None:
            return {"changed": False, "problems": self._problems(variables)}
        if self._task.check_mode:
            return {"skipped": True}
        report(variables, self._templar.template, event, line, self._display.warning)
        return {"changed": False, "event": event, "line": line}

    def _problems(self, variables: Mapping[str, Any]) -> list[Problem]:
        try:
            return judge(Settings.read(variables, self._templar.template), self._display.warning)
        except _WRONG as error:
            fix = "find the template or the value in notify_urls, notify_on or notify_timeout that is wrong"
            return [{"name": "notify_urls", "value": f"cannot be used ({type(error).__name__})", "fix": fix}]
