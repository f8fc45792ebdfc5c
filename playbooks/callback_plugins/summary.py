"""The last lines of a playbook: what runs, what changed, and what to do next."""

from __future__ import annotations

import os
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: summary
type: notification
short_description: Print what runs on each host at the end, and what to do next
description:
  - Follows the role summary, which finds it. A host that failed has none; its failure is what the run ends with.
"""

_WIDTH = 79


def relative(path: str) -> str:
    """As it was typed: Ansible has made it absolute."""
    return os.path.relpath(path) if path.startswith(f"{Path.cwd()}/") else path


def lines(host: str, found: Mapping[str, Any], changed: int, *, check: bool, inventories: list[str]) -> Iterator[str]:
    """At most 12, of 79 characters each where words let it."""
    yield f"{host}{' (check mode: nothing was changed)' if check else ''}"
    what = "would be changed" if check else "changed"
    for name, value in [
        *found["facts"],
        ["changes", f"{changed} task{'s' if changed > 1 else ''} {what} something" if changed else f"nothing {what}"],
    ]:
        yield f"  {name:<8} {textwrap.shorten(str(value), _WIDTH - 11, placeholder=' ...')}"
    given = "".join(f" -i {shlex.quote(inventory)}" for inventory in inventories)
    for at, (command, why) in enumerate(found["next"]):
        here = f"on the host:{command}" if command.startswith(" ") else f"ansible-playbook{given} {command}"
        line = f"  {'next' if at == 0 else '':<8} {here}"
        yield f"{line}   # {why}" if len(line) + len(why) + 5 <= _WIDTH else line


class CallbackModule(CallbackBase):  # type: ignore[misc] # Ansible has no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "summary"

    def v2_playbook_on_stats(self, stats: Any) -> None:
        check, inventories = (
            bool(context.CLIARGS.get("check")),
            [relative(str(one)) for one in context.CLIARGS.get("inventory") or ()],
        )
        for host in sorted(stats.processed):
            found = stats.custom.get(host, {}).get("milkbot_summary")
            if found is None or stats.failures.get(host) or stats.dark.get(host):
                continue
            shown = lines(host, found, stats.changed.get(host, 0), check=check, inventories=inventories)
            self._display.display("\n" + "\n".join(shown))
