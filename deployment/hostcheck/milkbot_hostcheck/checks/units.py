"""Units and timers of systemd: active, enabled, when next, how often restarted, and whatever else has failed."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator
from pathlib import Path

from milkbot_hostcheck.asking import ask
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import COLUMNS, Row, fail, ok, plain, span, unknown, warn

UNITS = Path("/etc/systemd/system")
SOCKETS = ("milkbot-analytics.socket", "milkbot-dashboard.socket")
SERVICES = ("milkbot-analytics.service", "milkbot-dashboard.service", "nginx.service", "cron.service")
TIMERS = ("milkbot-trader.timer", "milkbot-rollups.timer")
OPTIONAL = "milkbot-simulator.service"
_PROPERTIES = (
    "Id,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,NRestarts,NeedDaemonReload,"
    "NextElapseUSecRealtime,NextElapseUSecMonotonic"
)
# A unit that is started by nobody's wish, but by another unit's or a generator's, has no "enabled" of its own.
_STARTED_AT_BOOT = ("enabled", "enabled-runtime", "static", "indirect", "generated", "alias", "linked")
# `milkbot tick`: what its exit code says (docs/operations.md).
_TICK_MEANS = {
    "69": "the exchange did not answer",
    "71": "no database",
    "77": "live trading is not armed",
    "78": "the configuration is wrong",
}
_OURS = ("milkbot", "postgresql", "nginx", "cron", "ssh", "ufw", "systemd-timesyncd", "chrony", "pgbackrest")

_STARTS = re.compile(r"^Unit=(\S+)$", re.MULTILINE)

Known = dict[str, str]


def timers() -> list[str]:
    """Ours that have to run: those of the platform, and whatever else the roles installed."""
    return sorted({*TIMERS, *(path.name for path in UNITS.glob("milkbot-*.timer"))})


def services_of(host: Host) -> list[str]:
    """What has to be active all the time; the simulator where it is installed."""
    simulator = [OPTIONAL] if (UNITS / OPTIONAL).exists() else []
    return [host.settings.postgres_unit, *SOCKETS, *SERVICES, *simulator]


def oneshots() -> list[str]:
    """What the timers start: what their files name, else the service of their own name."""
    return [_started_by(timer) for timer in timers()]


def _started_by(timer: str) -> str:
    try:
        named = _STARTS.search((UNITS / timer).read_text(encoding="utf-8"))
    except OSError:
        named = None
    return named[1] if named else timer.replace(".timer", ".service")


def rows(host: Host) -> Iterator[Row]:
    services = services_of(host)
    asked = [*services, *timers(), *oneshots()]
    answer = ask(["systemctl", "show", f"--property={_PROPERTIES}", *asked], host.seconds)
    if answer.code != 0:
        yield unknown("units", answer.why(), "systemctl status; journalctl -b -u init.scope -n 50")
        return
    known = [dict(line.split("=", 1) for line in block.splitlines()) for block in answer.output.split("\n\n")]
    found = dict(zip(asked, known, strict=True))
    for name in services:
        yield _unit(name, found[name])
    for name in timers():
        yield _timer(name, found[name], host.now)
    for name in oneshots():
        yield _oneshot(name, found[name])
    yield _restarts(host, {name: int(found[name].get("NRestarts") or 0) for name in services if "socket" not in name})


def _unit(name: str, known: Known) -> Row:
    state = known["ActiveState"]
    if state != "active":
        return fail(
            name, f"{state} ({known['SubState']})", f"journalctl -u {name} -n 50; systemctl start {name}", "active"
        )
    if known["UnitFileState"] not in _STARTED_AT_BOOT:
        value = f"active, but {known['UnitFileState'] or 'not enabled'}: it stays away after a reboot"
        return fail(name, value, f"systemctl enable {name}", "active, enabled")
    if known["NeedDaemonReload"] == "yes":
        return warn(name, "active, but its file has changed since", "systemctl daemon-reload", "active, enabled")
    return ok(name, "active", "active, enabled")


def _timer(name: str, known: Known, now: float) -> Row:
    row = _unit(name, known)
    if row.state.value == "fail":
        return row
    if known["SubState"] == "running":
        return ok(name, "at work now", row.limit)
    at, monotonic = known["NextElapseUSecRealtime"], known["NextElapseUSecMonotonic"]
    if not at and monotonic in ("", "0", "infinity"):
        mend = f"systemctl restart {name}; systemctl list-timers {name}"
        return fail(name, "active, but never runs again", mend, "a next run")
    if not at:
        return ok(name, "active, the next run is set", row.limit)
    next_at = calendar.timegm(time.strptime(at, "%a %Y-%m-%d %H:%M:%S %Z"))
    return Row(name, row.state, f"next run in {span(next_at - now)}", row.limit, row.mend)


def label(unit: str) -> str:
    """The unit as the row's name, which has 28 columns."""
    return unit if len(unit) <= COLUMNS else unit.removesuffix(".service")


def _oneshot(unit: str, known: Known) -> Row:
    name, result = label(unit), known["Result"]
    if result == "success":
        return ok(name, "last run: success")
    status = known["ExecMainStatus"]
    means = f": {_TICK_MEANS[status]}" if unit == "milkbot-trader.service" and status in _TICK_MEANS else ""
    return fail(name, f"last run: {result}, left with {status}{means}", f"journalctl -u {unit} -n 50", "success")


def _restarts(host: Host, counted: dict[str, int]) -> Row:
    """How often systemd had to start a service again since the last check. A start by hand counts from nought."""
    host.note["restarts"] = counted
    before = host.seen.get("restarts", counted)
    grew = {name: count - before.get(name, 0) for name, count in counted.items()}
    # Below what was seen: it was started by hand, and has counted from nought since.
    grew = {name: count if count >= 0 else counted[name] for name, count in grew.items()}
    again = {name: count for name, count in grew.items() if count > 0}
    if not again:
        return ok("restarts", "no service had to be started again")
    listed = ", ".join(f"{name} {count} times" for name, count in again.items())
    most = max(again.values())
    mend = f"journalctl -u {max(again, key=again.__getitem__)} -n 100"
    limit = f"none, fails from {host.settings.limits.restarts_fail:g}"
    judge = fail if most >= host.settings.limits.restarts_fail else warn
    return judge("restarts", f"started again since the last check: {listed}", mend, limit)


def others(host: Host) -> Iterator[Row]:
    """Whatever has failed and has no row of its own."""
    command = ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager", "--full"]
    answer = ask(command, host.seconds)
    if answer.code != 0:
        yield unknown("other units", answer.why(), "systemctl --failed")
        return
    names = [line.split()[0] for line in answer.output.splitlines() if line.split()]
    failed = sorted(set(names) - {*services_of(host), *oneshots()})
    if not failed:
        yield ok("other units", "none has failed", "none failed")
        return
    judge = fail if any(name.startswith(_OURS) for name in failed) else warn
    mend = f"journalctl -u {failed[0]} -n 50; when mended: systemctl reset-failed {failed[0]}"
    yield judge("other units", plain(f"failed: {', '.join(failed)}"), mend, "none failed")
