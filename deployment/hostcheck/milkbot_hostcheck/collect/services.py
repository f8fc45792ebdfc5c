"""Units: their states, their files with what was dropped into them, timers, cron."""

from __future__ import annotations

from milkbot_hostcheck import paths
from milkbot_hostcheck.asking import Ask, Look

_PROPERTIES = (
    "Id,LoadState,LoadError,ActiveState,SubState,Result,UnitFileState,ExecMainStatus,ExecMainCode,ExecMainStartTimestamp,"
    "NRestarts,InvocationID,ActiveEnterTimestamp,InactiveEnterTimestamp,StateChangeTimestamp,NextElapseUSecRealtime,"
    "LastTriggerUSec,FragmentPath,DropInPaths,MemoryCurrent,MemoryMax,NeedDaemonReload,ConditionResult,MainPID"
)


def questions() -> list[Ask | Look]:
    units = [*paths.UNITS, paths.postgres_unit(), "postgresql.service"]
    return [
        Ask("units/properties", ["systemctl", "show", f"--property={_PROPERTIES}", *units]),
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
