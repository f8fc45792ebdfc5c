"""Backups, and the cron that makes them."""

from __future__ import annotations

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
    failing = collection.failing("* backup", "off-site copy", "restore drill", warned=True)
    if not failing:
        return None
    missing = collection.lines("backups/directories", r"No such file")
    return Diagnosis(
        "backups-fail",
        "Backups fail",
        (*(f"{row.name}: {row.value}" for row in failing[:3]), *missing[:1]),
        "the reason stands in the line above, and in /var/log/milkbot/backup.log",
        (
            *(("ansible-playbook -i INVENTORY site.yml --tags user",) if missing else ()),
            f"{_BY_HAND}   # shows the reason; then it is well",
            "tail -n 50 /var/log/milkbot/backup.log",
        ),
    )


@judge(DISK, "postgresql-no-space", "postgresql-stopped")
def archiving_fails(collection: Collection) -> Diagnosis | None:
    failing = collection.failing("WAL archive")
    if not failing:
        return None
    # pgBackRest says what it could not do, and in the lines below why.
    said = (r"ERROR: \[\d+\]", r"^\s+(repo\d+: )?\[?\w+Error\b", r"archive command failed")
    told = [line for pattern in said for line in collection.lines("postgres/log", pattern)[-1:]]
    return Diagnosis(
        "archiving-fails",
        "PostgreSQL cannot archive its log",
        (failing[0].value, *(line.strip()[:200] for line in told)),
        "the archive cannot be reached, is full, or holds the log of another server: the lines above say which",
        (
            "runuser -u postgres -- pgbackrest --stanza=milkbot check   # shows the reason; then it goes on by itself",
            "grep -hE 'archive|pgbackrest' /var/log/postgresql/*.log | tail -n 20",
            "df -h /var/lib/postgresql   # what waits is kept there",
        ),
    )
