"""The doctor's check of its host: systemd's timer of the ticks."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime

_TIMER = "milkbot-trader.timer"
_FORM = "%a %Y-%m-%d %H:%M:%S UTC"
_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Timer:
    """Since when the timer of the ticks is active, and when it runs next."""

    since: datetime
    following: datetime | None


def tick_timer() -> Timer | None:
    """The timer as systemd has it; None where it is not active, or nobody knows."""
    properties = "--property=ActiveState,ActiveEnterTimestamp,NextElapseUSecRealtime"
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    try:
        asked = subprocess.run(  # noqa: S603 - our own words
            ["systemctl", "show", properties, _TIMER],  # noqa: S607 - by the path above
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    known = dict(line.split("=", 1) for line in asked.stdout.splitlines() if "=" in line)
    since = _moment(known.get("ActiveEnterTimestamp", ""))
    if known.get("ActiveState") != "active" or since is None:
        return None
    return Timer(since, _moment(known.get("NextElapseUSecRealtime", "")))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
