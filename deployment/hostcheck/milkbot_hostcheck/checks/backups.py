"""What each job of backups, drills and copies left of its last run in /var/lib/milkbot-backup."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from milkbot_hostcheck.collection import seconds_of
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.paths import BACKUP_STATE
from milkbot_hostcheck.row import Row, fail, ok, plain, span, unknown, warn

STATE = BACKUP_STATE
_HOUR, _DAY = 3600.0, 86400.0
_SCRIPT = "/opt/milkbot/deployment/scripts/backup-database.sh"
# When root's crontab starts each kind: hour, day of the week (Sunday is 6 here), day of the month.
SCHEDULE: dict[str, tuple[int, int | None, int | None]] = {
    "daily": (2, None, None),
    "weekly": (3, 6, None),
    "monthly": (4, None, 1),
}


def rows(host: Host) -> Iterator[Row]:
    for kind in SCHEDULE:
        yield _backup(host, kind)
    before_deploys = read("pre-deploy")
    if before_deploys and before_deploys.get("result") == "failed":
        remedy = f"{_SCRIPT} pre-deploy, before the next update"
        yield warn("pre-deploy backup", plain(f"failed: {before_deploys.get('reason') or 'no reason'}"), remedy, "good")
    if host.settings.drill:
        yield _drill(host)
    if host.settings.backup_offsite:
        yield _offsite(host)
    if host.settings.pgbackrest:
        yield _wal_backup(host)


def read(job: str) -> dict[str, Any] | None:
    """The last outcome of a job; None when it never ran. Raises ValueError for a file that is none of theirs."""
    try:
        found = json.loads((STATE / f"{job}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if not isinstance(found, dict):
        raise ValueError(f"{STATE / job}.json holds no object")
    return found


def last_due(kind: str, now: float) -> float:
    """When cron started that kind last, by the host's own time zone, as cron counts."""
    hour, weekday, monthday = SCHEDULE[kind]
    day = time.localtime(now)
    for back in range(40):
        at = time.mktime((day.tm_year, day.tm_mon, day.tm_mday - back, hour, 0, 0, 0, 0, -1))
        there = time.localtime(at)
        if at > now or (weekday is not None and there.tm_wday != weekday):
            continue
        if monthday is None or there.tm_mday == monthday:
            return at
    raise AssertionError(f"no {kind} backup within 40 days: the schedule is wrong")


def _backup(host: Host, kind: str) -> Row:
    name, grace = f"{kind} backup", host.settings.limits.backup_grace_hours * _HOUR
    # The last one that has had its time to come.
    due, limit = last_due(kind, host.now - grace), f"good, at most {span(grace)} after it is due"
    remedy = f"tail /var/log/milkbot/backup.log; {_SCRIPT} {kind}"
    if (state := _state(kind, name, remedy)) is None or isinstance(state, Row):
        if state is not None:
            return state
        if host.installed_at() > due:
            return ok(name, "none yet, and none is due", limit)
        return fail(name, f"there was never one, and one was due {span(host.now - due)} ago", remedy, limit)
    good = seconds_of(str(state.get("last_good_at")))
    if state.get("result") != "good":
        return fail(name, _failed(state, host.now, good), remedy, limit)
    if good is None or good < due >= host.installed_at():
        value = f"the one that was due {span(host.now - due)} ago did not come; {_last(host.now, good)}"
        return fail(name, value, remedy, limit)
    file = Path(str(state.get("last_good_file", "")))
    if not file.is_file() or file.stat().st_size == 0:
        return fail(name, f"{file} is gone; it was the last good one", remedy, limit)
    return ok(name, f"{span(host.now - good)} old: {file.name}", limit)


def _state(job: str, name: str, remedy: str) -> dict[str, Any] | Row | None:
    try:
        return read(job)
    except (OSError, ValueError) as error:
        return unknown(name, str(error), remedy)


def _failed(state: Mapping[str, Any], now: float, good: float | None) -> str:
    """Why a job failed, and when the last one succeeded."""
    return plain(f"failed: {state.get('reason') or 'no reason was left'}; {_last(now, good)}")


def _last(now: float, good: float | None) -> str:
    return f"the last good one was {span(now - good)} ago" if good else "there was never a good one"


def _drill(host: Host) -> Row:
    """The age of the last proved backup: a backup that nobody restored is a hope."""
    name, limits = "restore drill", host.settings.limits
    remedy = "journalctl -u 'milkbot-restore-drill*' -n 50; systemctl list-timers 'milkbot-*'"
    limit = f"good, warns from {limits.drill_warn_days:g} days, fails from {limits.drill_fail_days:g}"
    state = _state("drill", name, remedy)
    if isinstance(state, Row):
        return state
    good = seconds_of(str(state.get("last_good_at"))) if state else None
    if state and state.get("result") != "good":
        return fail(name, _failed(state, host.now, good), remedy, limit)
    age = host.now - (good or host.installed_at())
    value = f"proved {span(age)} ago" if good else "none yet"
    if age > limits.drill_fail_days * _DAY:
        return fail(name, value, remedy, limit)
    if age > limits.drill_warn_days * _DAY:
        return warn(name, value, remedy, limit)
    return ok(name, value if good else "none yet, and none is due", limit)


def _offsite(host: Host) -> Row:
    remedy = "tail /var/log/milkbot/backup.log; is the other side reachable, is there room?"
    return _recent(host, "offsite", "off-site copy", host.settings.limits.offsite_fail_hours, remedy)


def _wal_backup(host: Host) -> Row:
    """pgBackRest's backups, and what its nightly check of them found."""
    remedy = "journalctl -u 'milkbot-wal@*' -n 50; systemctl start milkbot-wal@full"
    return _recent(host, "pgbackrest", "WAL backup", host.settings.limits.wal_backup_fail_hours, remedy)


def _recent(host: Host, job: str, name: str, hours: float, remedy: str) -> Row:
    """A job that has to go well every day."""
    limit = f"good within {hours:g} h"
    state = _state(job, name, remedy)
    if isinstance(state, Row):
        return state
    good = seconds_of(str(state.get("last_good_at"))) if state else None
    if state and state.get("result") != "good":
        return fail(name, _failed(state, host.now, good), remedy, limit)
    age = host.now - (good or host.installed_at())
    if age > hours * _HOUR:
        value = f"the last one was {span(age)} ago" if good else f"there was never one, in {span(age)}"
        return fail(name, value, remedy, limit)
    return ok(name, f"{span(age)} ago" if good else "none yet, and none is due", limit)
