"""All checks at once, none of which can hold up the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from milkbot_hostcheck.checks import (
    backups,
    certificate,
    database,
    deploys,
    disks,
    effect,
    endpoints,
    journals,
    machine,
    outside,
    own,
    recording,
    units,
    updates,
)
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, unknown

Check = Callable[[Host], Iterable[Row]]

# In the order of the table.
CHECKS: dict[str, Check] = {
    "units": units.rows,
    "other units": units.others,
    "API": endpoints.api,
    "dashboard": endpoints.dashboard,
    "page": endpoints.page,
    "certificate": certificate.rows,
    "certificate renewal": certificate.renewal,
    "database": database.rows,
    "files of nginx": effect.nginx,
    "settings": effect.postgres,
    "files of units": effect.units,
    "releases": deploys.rows,
    "journals": journals.rows,
    "backups": backups.rows,
    "recording": recording.rows,
    "disks": disks.rows,
    "memory": machine.memory,
    "kills": machine.kills,
    "clock": machine.clock,
    "firewall": effect.firewall,
    "sshd": effect.ssh,
    "reboot": machine.reboot,
    "unattended upgrades": updates.unattended,
    "security updates": updates.pending,
    "exchange": outside.exchange,
    "weather service": outside.weather,
    "own": own.rows,
}
# No check asks more than two programs in turn, each of which has its time.
_ASKED_IN_TURN = 2
_GRACE_SECONDS = 1.0


def _run(name: str, check: Check, host: Host, done: dict[str, list[Row]]) -> None:
    try:
        done[name] = list(check(host))
    except Exception as error:  # noqa: BLE001 - a check that breaks is a row, and hides no other
        why = f"{type(error).__name__}: {error}"
        done[name] = [unknown(f"check of {name}", why, "report it: the health check itself is broken here")]


def check_everything(host: Host, checks: dict[str, Check] | None = None) -> dict[str, list[Row]]:
    """The rows of each check. One that has not ended in time is a row that says so; it is left behind."""
    checks = CHECKS if checks is None else checks
    done: dict[str, list[Row]] = {}
    threads = {
        name: threading.Thread(target=_run, args=(name, check, host, done), daemon=True)
        for name, check in checks.items()
    }
    longest = _ASKED_IN_TURN * host.seconds + _GRACE_SECONDS
    until = time.monotonic() + longest
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    remedy = "find what hangs: ps -eo pid,stat,wchan:20,args"
    # A check may have nothing to look at: that is no row.
    return {
        name: done[name] if name in done else [unknown(f"check of {name}", f"no end within {longest:g} s", remedy)]
        for name in checks
    }
