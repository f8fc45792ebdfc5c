"""Backups, and the cron that makes them."""

from __future__ import annotations

import re

from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import DISK, Diagnosis, judge

_BY_HAND = "/opt/milkbot/deployment/scripts/backup-database.sh daily"


@judge()
def cron(collection: Collection) -> Diagnosis | None:
    unit = collection.unit("cron.service")
    stopped = bool(unit) and unit.get("ActiveState") != "active"
    absent = (
        bool(collection.facts.get("root"))
        and collection.code("cron/root") in (0, 1)
        and not collection.lines("cron/root", r"^[^#].*backup-database\.sh")
    )
    if not (stopped or absent):
        return None
    return Diagnosis(
        "cron-broken",
        "cron makes no backup and no health check",
        (
            *((f"cron.service is {unit.get('ActiveState')}",) if stopped else ()),
            *(("root's crontab names no backup-database.sh",) if absent else ()),
        ),
        "somebody stopped it" if stopped else "root's crontab was changed",
        (
            *(("systemctl enable --now cron.service",) if stopped else ()),
            *(("ansible-playbook -i INVENTORY site.yml --tags cron",) if absent else ()),
        ),
    )


@judge(DISK, "postgresql-stopped", "postgresql-no-space", "postgresql-full", "database-missing", "cron-broken")
def backups_fail(collection: Collection) -> Diagnosis | None:
    failed = [row for row in collection.rows("backups/state") if row.get("result") == "failed"]
    evidence = [
        f"{row['kind']} failed at {row.get('at')}: {row.get('reason')}; last good: {row.get('last_good_at') or 'never'}"
        for row in failed
    ]
    log = [line for line in collection.lines("backups/log") if re.search(r" backup: ", line)]
    if not collection.rows("backups/state") and log and " failed: " in log[-1]:
        evidence.append(log[-1][:200])
    daily = next((row for row in collection.rows("backups/newest") if row["kind"] == "daily"), {})
    old = 24 + collection.limit("backup_grace_hours")
    up = float((collection.text("host/uptime").split() or ["0"])[0]) / 3600
    if daily.get("there") is False:
        evidence.append("/var/backups/milkbot/daily is missing")
    elif daily.get("hours", 0.0) > old:
        evidence.append(f"the newest daily backup is {daily['hours']:.0f} hours old: {daily['newest']}")
    elif daily and not daily.get("files") and up > old:
        evidence.append("there is no daily backup")
    if not evidence:
        return None
    return Diagnosis(
        "backups-fail",
        "Backups fail",
        tuple(evidence[:3]),
        "the reason stands in the line above, and in /var/log/milkbot/backup.log",
        (
            *(("ansible-playbook -i INVENTORY site.yml --tags user",) if daily.get("there") is False else ()),
            f"{_BY_HAND}   # shows the reason; then it is well",
            "tail -n 50 /var/log/milkbot/backup.log",
        ),
    )


@judge(DISK, "postgresql-no-space", "postgresql-stopped")
def archiving_fails(collection: Collection) -> Diagnosis | None:
    archiver = next((row for row in collection.rows("postgres/archiver") if row.get("failing")), None)
    if archiver is None:
        return None
    # pgBackRest says what it could not do, and in the lines below why.
    said = (r"ERROR: \[\d+\]", r"^\s+(repo\d+: )?\[?\w+Error\b", r"archive command failed")
    told = [line for pattern in said for line in collection.lines("postgres/log", pattern)[-1:]]
    last = archiver.get("last_archived_time")
    failed = f"{archiver.get('last_failed_wal')} failed at {archiver.get('last_failed_time')}"
    since = f"the last was archived {last}" if last else "none ever was archived"
    return Diagnosis(
        "archiving-fails",
        "PostgreSQL cannot archive its log",
        (
            f"{failed}, {archiver.get('failed_count')} times in all; {since}",
            *(line.strip()[:200] for line in told),
        ),
        "the archive cannot be reached, is full, or holds the log of another server: the lines above say which",
        (
            "runuser -u postgres -- pgbackrest --stanza=milkbot check   # shows the reason; then it goes on by itself",
            "grep -hE 'archive|pgbackrest' /var/log/postgresql/*.log | tail -n 20",
            "df -h /var/lib/postgresql   # what waits is kept there",
        ),
    )
