"""Units and timers of systemd: active, enabled, when next, how often restarted, and whatever else has failed."""

from __future__ import annotations

from collections.abc import Iterator

from milkbot_hostcheck import loaded, paths
from milkbot_hostcheck.collect.units import UNITS, oneshots, timers
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import COLUMNS, Row, fail, ok, plain, span, unknown, warn

SERVICES = (*paths.SERVICES, "nginx.service", "cron.service")
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

Known = dict[str, str]


def services_of(host: Host) -> list[str]:
    """What has to be active all the time; the simulator where it is installed."""
    simulator = [paths.SIMULATOR] if (UNITS / paths.SIMULATOR).exists() else []
    return [host.settings.postgres_unit, *paths.SOCKETS, *SERVICES, *simulator]


def rows(host: Host) -> Iterator[Row]:
    services = services_of(host)
    found = host.facts.units()
    if not found:
        why = host.facts.answer("units/properties").why()
        yield unknown("units", why, "systemctl status; journalctl -b -u init.scope -n 50")
        return
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
        return fail(name, value, f"systemctl enable {name}", "active, enabled", cause="not-enabled")
    if known["NeedDaemonReload"] == "yes":
        return warn(name, "active, but its file has changed since", "systemctl daemon-reload", "active, enabled")
    return ok(name, "active", "active, enabled")


def _timer(name: str, known: Known, now: float) -> Row:
    row = _unit(name, known)
    if row.state.value == "fail":
        return row
    if known["SubState"] == "running":
        return ok(name, "running now", row.limit)
    at, monotonic = known["NextElapseUSecRealtime"], known["NextElapseUSecMonotonic"]
    if not at and monotonic in ("", "0", "infinity"):
        remedy = f"systemctl restart {name}; systemctl list-timers {name}"
        return fail(name, "active, but never runs again", remedy, "a next run")
    if not at:
        return ok(name, "active, the next run is set", row.limit)
    return Row(name, row.state, f"next run in {span(loaded.moment(at) - now)}", row.limit, row.remedy)


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
    remedy = f"journalctl -u {max(again, key=again.__getitem__)} -n 100"
    limit = f"none, fails from {host.settings.limits.restarts_fail:g}"
    judge = fail if most >= host.settings.limits.restarts_fail else warn
    return judge("restarts", f"started again since the last check: {listed}", remedy, limit)


def others(host: Host) -> Iterator[Row]:
    """Whatever has failed and has no row of its own."""
    answer = host.facts.answer("units/failed")
    if answer.code != 0:
        yield unknown("other units", answer.why(), "systemctl --failed")
        return
    names = [line.split()[0] for line in answer.output.splitlines() if line.split()]
    failed = sorted(set(names) - {*services_of(host), *oneshots()})
    if not failed:
        yield ok("other units", "none has failed", "none failed")
        return
    judge = fail if any(name.startswith(_OURS) for name in failed) else warn
    remedy = f"journalctl -u {failed[0]} -n 50; when fixed: systemctl reset-failed {failed[0]}"
    yield judge("other units", plain(f"failed: {', '.join(failed)}"), remedy, "none failed")
