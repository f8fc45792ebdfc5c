"""The database: reachable, writable, its connections, its archive, its schema; and then what the books say."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from typing import Any

from milkbot_hostcheck.asking import Answer, ask
from milkbot_hostcheck.checks import trading
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.paths import CURRENT
from milkbot_hostcheck.row import Row, State, by_limits, fail, ok, plain, span, unknown

# By the loader: diagnose.yml sends the package as one zip file, which has no directory on the host.
FACTS = (pkgutil.get_data(__package__, "facts.sql") or b"").decode()
_READY = ["pg_isready", "--quiet", "--host=localhost", "--dbname=milkbot", "--username=milkbot"]
# As its superuser by the socket: no password is read, and a server that is full keeps room for it.
_PSQL = ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "--dbname=milkbot"]
_REMEDY = "systemctl status postgresql; runuser -u postgres -- psql milkbot"

Facts = dict[str, dict[str, Any]]


def rows(host: Host) -> Iterator[Row]:
    answer, facts = _ask(host)
    yield _reachable(host, answer, facts)
    if not facts:
        why = "the database does not answer"
        for name in ("database writable", "data checksums", "connections", "schema", *trading.NAMES):
            yield unknown(name, why, _REMEDY)
        if host.settings.pgbackrest:
            yield unknown("WAL archive", why, _REMEDY)
        return
    yield _writable(answer, facts)
    yield checksums(facts)
    yield _connections(host, facts)
    yield _schema(facts)
    if host.settings.pgbackrest:
        yield _archive(host, facts)
    yield from trading.rows(host, facts)


def _ask(host: Host) -> tuple[Answer, Facts]:
    seconds = max(1, int(host.seconds) - 1)
    limits = {
        "PGOPTIONS": f"-c statement_timeout={seconds}s -c lock_timeout={seconds}s",
        "PGCONNECT_TIMEOUT": str(max(2, seconds)),
        "PGAPPNAME": "milkbot-health",
    }
    command = [*_PSQL, f"--set=mode={host.settings.trading_mode}", "--file=-"]
    answer = ask(command, host.seconds, given=FACTS, environment=limits)
    found = [json.loads(line) for line in answer.output.splitlines() if line.startswith("{")]
    return answer, {fact["about"]: fact for fact in found}


def _reachable(host: Host, answer: Answer, facts: Facts) -> Row:
    """Over the loopback address, as the runbook asks, and by the socket, as the services come."""
    name, limit = "database", f"answers within {host.seconds:g} s"
    if not facts:
        return fail(name, f"answers no query: {answer.why()}", _REMEDY, limit)
    ready = ask(_READY, host.seconds)
    if ready.code != 0:
        return fail(name, "answers by its socket, but not at localhost:5432", "pg_isready -h localhost; ss -ltn", limit)
    return ok(name, "answers", limit)


def _writable(answer: Answer, facts: Facts) -> Row:
    name, limit = "database writable", "takes a write"
    server = facts.get("server", {})
    if server.get("recovery"):
        return fail(name, "it is in recovery: read only", "tail /var/log/postgresql/*.log; wait, or promote it", limit)
    if "write" in facts and "flush" in facts:
        return ok(name, "took a write, which was taken back", limit)
    remedy = "df -h /var/lib/postgresql; tail /var/log/postgresql/*.log"
    if server.get("read_only") == "on":
        remedy = "ALTER SYSTEM RESET default_transaction_read_only, or ALTER DATABASE milkbot RESET ...; then reload"
    return fail(name, answer.why(), remedy, limit)


def checksums(facts: Facts) -> Row:
    """Without them a page that the disk damaged looks like any other one, and gets into the backups."""
    name, limit, server = "data checksums", "no page is damaged", facts.get("server")
    if server is None:
        return unknown(name, "the server did not say", _REMEDY)
    if server["checksums"] != "on":
        return ok(name, "off: damage by the disk is not noticed; to switch them on: postgres_checksums", limit)
    if not server["damaged"]:
        return ok(name, "on; no damaged page was read", limit)
    remedy = "grep 'page verification failed' /var/log/postgresql/*.log; the disk fails: restore.yml, on another one"
    return fail(name, f"{server['damaged']} reads found a page that is not what was written", remedy, limit)


def _connections(host: Host, facts: Facts) -> Row:
    name, limits, server = "connections", host.settings.limits, facts.get("server")
    if server is None:
        return unknown(name, "the server did not say", _REMEDY)
    percent = 100.0 * server["used"] / max(1, server["most"])
    limit = f"warns from {limits.connections_warn_percent:g} %, fails from {limits.connections_fail_percent:g} %"
    remedy = (
        "see whose they are: SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3"
    )
    return by_limits(
        name,
        percent,
        (limits.connections_warn_percent, limits.connections_fail_percent),
        f"{server['used']} of {server['most']} used",
        limit,
        remedy,
    )


def _schema(facts: Facts) -> Row:
    """The live release says which revision it was made for."""
    name, found = "schema", facts.get("schema", {}).get("revision")
    try:
        wanted = str(json.loads((CURRENT / "release.json").read_text(encoding="utf-8"))["schema"])
    except (OSError, ValueError, KeyError) as error:
        return unknown(name, f"the live release does not say what it needs ({type(error).__name__})", "releases.yml")
    if found is None:
        return fail(name, "the database has none", "milkbot db upgrade, or restore a backup", f"revision {wanted}")
    if found != wanted:
        remedy = "milkbot db upgrade, or go back to the release that fits: releases.yml, rollback.yml"
        return fail(name, f"revision {plain(found)}, the live release needs {wanted}", remedy, f"revision {wanted}")
    return ok(name, f"revision {found}", f"revision {wanted}")


def _archive(host: Host, facts: Facts) -> Row:
    name, limits = "WAL archive", host.settings.limits
    remedy = (
        "runuser -u postgres -- pgbackrest --stanza=milkbot check; grep -h archive /var/log/postgresql/*.log | tail"
    )
    limit = (
        f"warns when a segment waits {span(limits.archive_warn_seconds)}, fails at {span(limits.archive_fail_seconds)}"
    )
    server, archive, archiver = (facts.get(about) for about in ("server", "archive", "archiver"))
    if server is None or archive is None or archiver is None:
        return unknown(name, "the server did not say", _REMEDY)
    if server["archive_mode"] == "off":
        return fail(
            name, "archive_mode is off: nothing is archived", "site.yml --tags pgbackrest, restart PostgreSQL", limit
        )
    waits = f"{archive['waiting']} segments wait, the oldest for {span(archive['oldest'])}"
    if archiver["failing"]:
        last = archiver["archived_age"]
        since = f"the last was archived {span(last)} ago" if last is not None else "none was ever archived"
        return fail(name, f"archiving of {archiver['failed_wal']} fails; {since}; {waits}", remedy, limit)
    row = by_limits(
        name, archive["oldest"], (limits.archive_warn_seconds, limits.archive_fail_seconds), waits, limit, remedy
    )
    return ok(name, f"last archived {span(archiver['archived_age'] or 0)} ago", limit) if row.state is State.OK else row
