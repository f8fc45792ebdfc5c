"""Units: their states, their files with what was dropped into them, timers, cron."""

from __future__ import annotations

import re
from pathlib import Path

from milkbot_hostcheck import loaded, paths
from milkbot_hostcheck.asking import Ask, Question

UNITS = Path("/etc/systemd/system")
_PROPERTIES = (
    "LoadError,SubState,Result,ExecMainStatus,ExecMainCode,ExecMainStartTimestamp,NRestarts,InvocationID,"
    "ActiveEnterTimestamp,InactiveEnterTimestamp,NextElapseUSecRealtime,NextElapseUSecMonotonic,LastTriggerUSec,"
    "MemoryCurrent,MemoryMax,ConditionResult"
)
_STARTS = re.compile(r"^Unit=(\S+)$", re.MULTILINE)


def questions() -> list[Question]:
    units = list(dict.fromkeys([*paths.UNITS, *timers(), *oneshots(), paths.postgres_unit(), "postgresql.service"]))
    return [
        Ask("units/properties", [*loaded.SHOW, f"--property={_PROPERTIES}", *units, *_of_others()]),
        Ask("units/status", ["systemctl", "status", "--full", "--lines=5", *units]),
        Ask("units/files", ["systemctl", "cat", *units]),
        Ask(
            "units/all", ["systemctl", "list-units", "--all", "--plain", "--full", "--type=service,socket,timer,mount"]
        ),
        Ask("units/failed", ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full"]),
        Ask("units/timers", ["systemctl", "list-timers", "--all", "--full"]),
        Ask("units/jobs", ["systemctl", "list-jobs", "--full"]),
        Ask("cron/root", ["crontab", "-l", "-u", "root"]),
        Ask("cron/files", ["ls", "-la", "/etc/cron.d", "/etc/cron.daily"]),
    ]


def timers() -> list[str]:
    """Ours that have to run: those of the platform, and whatever else the roles installed."""
    return sorted({*paths.TIMERS, *(path.name for path in UNITS.glob("milkbot-*.timer"))})


def oneshots() -> list[str]:
    """What the timers start: what their files name, else the service of their own name."""
    return [_started_by(timer) for timer in timers()]


def next_processes() -> list[str]:
    """The second processes that a restart without downtime uses, where they are installed."""
    return sorted(path.name for path in UNITS.glob("milkbot-*-next.service"))


def _started_by(timer: str) -> str:
    try:
        named = _STARTS.search((UNITS / timer).read_text(encoding="utf-8"))
    except OSError:
        named = None
    return named[1] if named else timer.replace(".timer", ".service")


def _of_others() -> list[str]:
    """Units of the distribution on which a row depends, and the second processes of ours."""
    renewal = [f"{name}.{kind}" for name in paths.RENEWAL.values() for kind in ("timer", "service")]
    return [*paths.APT_TIMERS, *renewal, *next_processes()]
