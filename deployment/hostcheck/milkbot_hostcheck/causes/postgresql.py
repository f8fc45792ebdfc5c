"""PostgreSQL itself: stopped, full, hanging; and who makes the others wait."""

from __future__ import annotations

import re

from milkbot_hostcheck import paths
from milkbot_hostcheck.asking import CANNOT_RUN, NOT_FOUND
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import DISK, MACHINE, Diagnosis, judge

# What its log says when it cannot start: the line's mark, in words, the remedy.
_REASONS = [
    (
        r"could not load .*pg_hba\.conf|invalid connection type|end-of-line before",
        "pg_hba.conf holds a line that it does not understand",
        "ansible-playbook -i INVENTORY site.yml --tags postgres",
    ),
    (
        r"syntax error in file|unrecognized configuration parameter|invalid value for parameter|contains errors",
        "a file of its settings is wrong",
        "ansible-playbook -i INVENTORY site.yml --tags postgres",
    ),
    (
        r"could not bind|Address already in use|could not create any TCP/IP sockets",
        "another process has its port",
        "ss -Htlnp 'sport = :5432'   # end that process, then start it",
    ),
    (
        r"lock file .* (?:exists|already)",
        "another server holds its directory, or left its lock file",
        "pg_lsclusters; ls -l /var/lib/postgresql/*/main/postmaster.pid",
    ),
    (
        r"has invalid permissions|Permission denied|has wrong ownership",
        "the permissions of its directory are wrong",
        "chown -R postgres:postgres /var/lib/postgresql; chmod 0700 /var/lib/postgresql/*/main",
    ),
    (
        r"could not map anonymous shared memory|Cannot allocate memory",
        "shared_buffers is more than the memory that is free",
        "free -m; ansible-playbook -i INVENTORY site.yml --tags postgres",
    ),
    (
        r"PANIC:",
        "it met something that it cannot repair by itself",
        "tail -n 100 /var/log/postgresql/*.log   # then docs/operations.md, Back to a backup",
    ),
]
_NEWEST_LINES = 40
_LOCK_SECONDS, _IDLE_SECONDS = 5, 600


def answers(collection: Collection) -> bool:
    """Whether its superuser comes in."""
    return collection.code("postgres/answers") == 0


def asked(collection: Collection) -> bool:
    """Whether it could be asked: by psql, and by root."""
    return collection.code("postgres/answers") not in (None, CANNOT_RUN, NOT_FOUND)


def _unit(collection: Collection) -> tuple[str, dict[str, str]]:
    name = paths.postgres_unit_of(collection.units())
    return name, collection.unit(name)


def _newest_log(collection: Collection) -> list[str]:
    """The server's last lines since it was well the last time: what was fixed is reported before that."""
    since = collection.text("postgres/log").rpartition("database system is ready to accept connections\n")[2]
    return since.splitlines()[-_NEWEST_LINES:]


@judge(DISK)
def no_space(collection: Collection) -> Diagnosis | None:
    said = [line for line in _newest_log(collection) if "No space left on device" in line]
    if answers(collection) or not asked(collection) or not said:
        return None
    name, unit = _unit(collection)
    return Diagnosis(
        "postgresql-no-space",
        "PostgreSQL cannot go on: its disk was full",
        (said[-1], f"{name} is {unit.get('ActiveState', 'unknown')}"),
        "it writes its log of changes before it starts, and needs room for that",
        ("df -h /var/lib/postgresql   # make room first", f"systemctl restart {name}", "pg_lsclusters"),
    )


@judge(MACHINE, "postgresql-no-space")
def stopped(collection: Collection) -> Diagnosis | None:
    name, unit = _unit(collection)
    state = unit.get("ActiveState", "")
    if answers(collection) or not state or state in ("active", "reloading"):
        return None
    log = _newest_log(collection)
    text = "\n".join(log) + collection.text("journal/last-runs").partition(f"== {name}\n")[2].partition("\n== ")[0]
    last = [line for line in log if re.search(r"FATAL:|PANIC:|LOG: .*(shut down|invalid|syntax)", line)][-1:]
    began_bad = state != "inactive" or unit.get("Result", "success") != "success"
    reason, remedy = next(
        ((words, remedy) for mark, words, remedy in _REASONS if began_bad and re.search(mark, text)),
        ("somebody stopped it, or it was not started after the machine was", ""),
    )
    masked = unit.get("LoadState") == "masked"
    return Diagnosis(
        "postgresql-stopped",
        "PostgreSQL does not run",
        (f"{name} is {state} ({unit.get('Result', '')}) since {unit.get('StateChangeTimestamp', 'unknown')}", *last),
        "its unit is masked" if masked else reason,
        tuple(filter(None, (remedy, f"systemctl unmask {name}" if masked else "", f"systemctl start {name}"))),
    )


@judge(MACHINE, "postgresql-stopped")
def does_not_accept(collection: Collection) -> Diagnosis | None:
    text = collection.text("postgres/answers")
    if (
        answers(collection)
        or not asked(collection)
        or _unit(collection)[1].get("ActiveState") not in ("active", "activating")
    ):
        return None
    if re.search(r"the database system is (?:starting up|in recovery|not yet accepting)", text):
        return Diagnosis(
            "postgresql-starting",
            "PostgreSQL is starting still",
            (text.strip(),),
            "after a crash it repeats what was not on the disk yet",
            ("tail -f /var/log/postgresql/*.log   # until: ready to accept connections",),
        )
    if re.search(r"too many clients|remaining connection slots", text):
        return _full(text)
    if collection.code("postgres/answers") == 124 or "timeout expired" in text:
        return Diagnosis(
            "postgresql-silent",
            "PostgreSQL runs and does not answer",
            (text.strip().splitlines()[-1],),
            "its disk hangs, or the machine has no processor to spare",
            (
                "cat /proc/pressure/io; ps -eo pid,stat,wchan:30,args | grep ' D'",
                f"systemctl restart {_unit(collection)[0]}",
            ),
        )
    return None


@judge("postgresql-stopped")
def too_many_connections(collection: Collection) -> Diagnosis | None:
    for name in ("logins/milkbot_api", "logins/milkbot_trader", "logins/milkbot_rollups", "logins/password"):
        if re.search(r"too many (?:clients|connections)|remaining connection slots", collection.text(name)):
            return _full(collection.text(name))
    return None


def _full(text: str) -> Diagnosis:
    return Diagnosis(
        "postgresql-full",
        "PostgreSQL takes no more connections",
        (text.strip().splitlines()[-1],),
        "something opens connections and does not close them: see postgres/activity.txt",
        (
            (
                "runuser -u postgres -- psql -c 'SELECT usename, application_name, state, count(*) FROM "
                "pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC'"
            ),
            "systemctl restart milkbot-analytics.service   # or whoever holds them",
        ),
    )


@judge()
def blocked(collection: Collection) -> Diagnosis | None:
    waits = [row for row in collection.rows("postgres/blocked") if (row.get("seconds") or 0) >= _LOCK_SECONDS]
    if not waits:
        return _idle(collection)
    # Who waits for nobody is at the head of the queue.
    waiting = {row["pid"] for row in waits}
    row = next((row for row in waits if row["by_pid"] not in waiting), waits[0])
    migration = "migrate" in str(row.get("application_name"))
    who = f"{row.get('by_usename')} ({row.get('by_application') or 'no name'})"
    return Diagnosis(
        "blocked",
        (
            f"{'A migration waits' if migration else f'{len(waiting)} statements wait'} for a lock that "
            f"process {row['by_pid']} holds"
        ),
        (
            (
                f"process {row['pid']} ({row.get('application_name') or row.get('usename')}) has waited "
                f"{row['seconds']} s: {_short(row.get('query'))}"
            ),
            (
                f"process {row['by_pid']} of {who} is {row.get('by_state')} for {row.get('by_seconds')} s: "
                f"{_short(row.get('by_query'))}"
            ),
        ),
        "a transaction was opened and left: whoever did it went away, or hangs"
        if "idle" in str(row.get("by_state"))
        else "a long statement holds it",
        (
            (
                f"runuser -u postgres -- psql -c 'SELECT pg_terminate_backend({row['by_pid']})'   # what it did "
                "not commit is lost"
            ),
        ),
    )


def _idle(collection: Collection) -> Diagnosis | None:
    for row in collection.rows("postgres/activity"):
        if "idle in transaction" in str(row.get("state")) and (row.get("transaction_seconds") or 0) > _IDLE_SECONDS:
            return Diagnosis(
                "idle-transaction",
                f"Process {row['pid']} left a transaction open for {row['transaction_seconds']} s",
                (f"{row.get('usename')} ({row.get('application_name')}): {_short(row.get('query'))}",),
                "it holds its locks, and keeps the tables from being cleaned",
                (f"runuser -u postgres -- psql -c 'SELECT pg_terminate_backend({row['pid']})'",),
                serious=False,
            )
    return None


def _short(query: object) -> str:
    return " ".join(str(query or "").split())[:90]
