"""What a compromised service would try, and what came of it: runs in a unit's sandbox, by the release's Python.

Prints a JSON object for each attempt: its name, whether it was denied, and what was said. What succeeds is taken back.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg

SOCKETS = "/run/postgresql"
ROLES = (
    *("milkbot", "milkbot_trader", "milkbot_rollups", "milkbot_api"),
    *("milkbot_operator", "milkbot_control", "milkbot_monitor", "postgres"),
)
# Who may come in by the socket is what pg_hba.conf and pg_ident.conf say; where there is no socket, nobody.
_NOT_LET_IN = ("Peer authentication failed", "no pg_hba.conf entry", "Permission denied", "No such file")
# The last one is the fence's: that user may not connect to anything.
_NO_PASSWORD = (*_NOT_LET_IN, "no password supplied", "password authentication failed", "No route to host")
_INSUFFICIENT_PRIVILEGE = "42501"
_DENIED_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EAFNOSUPPORT)

STATEMENTS = {
    "disable the triggers of the log": "ALTER TABLE ops.order_events DISABLE TRIGGER USER",
    "switch all triggers off": "SET session_replication_role = replica",
    "delete from the log": "DELETE FROM ops.order_events",
    "rewrite the log": "UPDATE ops.order_events SET reason = 'mine'",
    "empty the log": "TRUNCATE ops.order_events",
    "delete fills": "DELETE FROM ops.fills",
    "delete orders": "DELETE FROM ops.orders",
    "drop the table of orders": "DROP TABLE ops.orders CASCADE",
    "drop the schema": "DROP SCHEMA ops CASCADE",
    "allow a state of orders that the rules forbid": "DELETE FROM ops.order_rules",
    "arm live trading": (
        "INSERT INTO ops.live_armings (armed_by, armed_at, expires_at, statement) VALUES ('x', now(), now(), 'x')"
    ),
    "end a hold": "INSERT INTO ops.hold_acknowledgements SELECT FROM ops.trading_holds WHERE false",
    "accept terms": "INSERT INTO ops.terms_acceptances SELECT FROM ops.terms_acceptances WHERE false",
    "make a table in ops": "CREATE TABLE ops.mine (x int)",
    "make a table in public": "CREATE TABLE public.mine (x int)",
    "make a temporary table": "CREATE TEMP TABLE mine (x int)",
    "become the owner": "SET ROLE milkbot",
    "become the superuser": "SET ROLE postgres",
    "begin a session of the owner": "SET SESSION AUTHORIZATION milkbot",
    "make a role": "CREATE ROLE mine",
    "grant the owner's rights": "GRANT milkbot TO CURRENT_USER",
    "read the passwords": "SELECT rolpassword FROM pg_catalog.pg_authid",
    "run a program": "COPY (SELECT 1) TO PROGRAM 'id'",
    "write a file as the server": "COPY (SELECT 1) TO '/tmp/mine'",
    "read a file as the server": "SELECT pg_catalog.pg_read_file('/etc/passwd')",
    "read a file into the database": "SELECT pg_catalog.lo_import('/etc/passwd')",
    "reload the server's settings": "SELECT pg_catalog.pg_reload_conf()",
    "load a library": "LOAD '/tmp/mine.so'",
    "make a function in C": "CREATE FUNCTION ops.mine() RETURNS int LANGUAGE c AS '/tmp/mine', 'mine'",
    "cancel what the superuser does": (
        "SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity "
        "WHERE usename = 'postgres' AND pid <> pg_catalog.pg_backend_pid()"
    ),
    "change who may connect": "ALTER DATABASE milkbot CONNECTION LIMIT 0",
}
READ = (
    "/opt/milkbot/.env",
    "/opt/milkbot/kalshi_private_key.pem",
    "/etc/shadow",
    "/etc/milkbot/health.env",
    "/etc/milkbot/health-channels.json",
    "/etc/ssl/private",
    "/var/backups/milkbot",
    "/var/lib/postgresql/*/main",
    "/etc/postgresql/*/main/pg_ident.conf",
    "/var/log/postgresql/*.log",
    "/root",
    "/proc/1/environ",
)
# Each service may write its own.
LOGS = ("trader", "rollups", "analytics", "dashboard", "simulator")
WRITE = (
    "/opt/milkbot",
    "/opt/milkbot/current",
    "/opt/milkbot/current/app/milkbot",
    "/opt/milkbot/releases",
    "/opt/milkbot/deployment/scripts",
    "/opt/milkbot-tools",
    "/etc",
    "/etc/cron.d",
    "/etc/milkbot",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/etc/postgresql/*/main",
    "/usr/local/bin",
    "/var/backups/milkbot",
    "/var/lib/postgresql",
    "/var/spool/cron/crontabs",
    "/root",
)
CHANGE = (
    "/opt/milkbot/.env",
    "/opt/milkbot/kalshi_private_key.pem",
    "/opt/milkbot/current/release.json",
    "/etc/systemd/system/milkbot-trader.service",
    "/etc/postgresql/*/main/pg_ident.conf",
    "/etc/passwd",
    "/usr/local/bin/milkbot",
)
CONNECT = ("/run/milkbot-operator/act.sock", "/run/milkbot-operator/web.sock", "/run/systemd/private")

Came = tuple[bool, str]


def main() -> None:
    for name, attempt in attempts():
        denied, said = attempt()
        print(json.dumps({"name": name, "denied": denied, "said": said}), flush=True)


def attempts() -> Iterator[tuple[str, Callable[[], Came]]]:
    """Every attempt, by the words that name it."""
    let_in = []
    for role in ROLES:
        came = _connected(role)
        yield f"come in as {role}", partial(_known, came)
        if not came[0]:
            let_in.append(role)
    yield "come in as the owner without a password", _connected_by_password
    for name, statement in STATEMENTS.items():
        yield name, partial(_stated_as_each, let_in, statement)
    for pattern in READ:
        yield f"read {pattern}", partial(_each, pattern, _read)
    for log in LOGS:
        yield f"write the log of {log}", partial(_each, f"/var/log/milkbot/{log}.log", _append)
    for pattern in WRITE:
        yield f"make a file in {pattern}", partial(_each, pattern, _make)
    for pattern in CHANGE:
        yield f"change {pattern}", partial(_each, pattern, _append)
    for path in CONNECT:
        yield f"connect to {path}", partial(_each, path, _connect)
    yield "read the environment of another's process", _others_environment
    yield "end a process of root", partial(_tried, partial(os.kill, 1, 0))
    yield "become root", partial(_tried, partial(os.setuid, 0))
    yield "mount", partial(_tried, _mount)


def _refused(error: psycopg.Error, reasons: Iterable[str]) -> Came:
    said = " ".join(str(error).split())
    return any(reason in said for reason in reasons), said


def _connected(role: str) -> Came:
    try:
        psycopg.connect(host=SOCKETS, user=role, dbname=_database(role), connect_timeout=10).close()
    except psycopg.OperationalError as error:
        return _refused(error, _NOT_LET_IN)
    return False, "it came in"


def _database(role: str) -> str:
    return "postgres" if role == "milkbot_monitor" else "milkbot"


def _connected_by_password() -> Came:
    """With the one that the unit is given, where it is given one."""
    given = os.environ.get("POSTGRES_PASSWORD")
    came = _tried(lambda: socket.socket(socket.AF_INET).close())
    if came[0]:
        return came
    try:
        psycopg.connect(host="127.0.0.1", user="milkbot", dbname="milkbot", password=given, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        return _refused(error, _NO_PASSWORD)
    return False, "it came in"


def _known(came: Came) -> Came:
    return came


def _stated_as_each(let_in: Sequence[str], statement: str) -> Came:
    """By each role that lets this user in; all have to refuse it."""
    came = [_stated(role, statement) for role in let_in]
    return all(denied for denied, _ in came), "; ".join(said for _, said in came) or "nobody came in"


def _stated(role: str, statement: str) -> Came:
    """In a transaction that is taken back."""
    with psycopg.connect(host=SOCKETS, user=role, dbname=_database(role), connect_timeout=10) as connection:
        try:
            connection.execute("SET LOCAL lock_timeout = '5s'")
            connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate == _INSUFFICIENT_PRIVILEGE, f"{error.sqlstate} {' '.join(str(error).split())}"
        finally:
            connection.rollback()
    return False, "it was done, and taken back"


def _each(pattern: str, act: Callable[[Path], None]) -> Came:
    """On each file of that name; all have to be denied. A directory that hides its files denies them."""
    paths = list(Path("/").glob(pattern.lstrip("/"))) or [Path(pattern)]
    came = [_tried(partial(act, path)) for path in paths]
    return all(denied for denied, _ in came), "; ".join(said for _, said in came)


def _tried(act: Callable[[], None]) -> Came:
    try:
        act()
    except OSError as error:
        return error.errno in _DENIED_ERRORS, errno.errorcode.get(error.errno or 0, str(error))
    return False, "it was done"


def _read(path: Path) -> None:
    if path.is_dir():
        list(path.iterdir())
        return
    with path.open("rb") as file:
        file.read(1)


def _append(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))


def _make(directory: Path) -> None:
    path = directory / "made-by-a-test"
    path.touch(exist_ok=False)
    path.unlink()


def _connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(path))


def _others_environment() -> Came:
    """Of any process of another user: no unit of another kind has this one."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError), (entry / "environ").open("rb") as file:
            if os.fstat(file.fileno()).st_uid == os.getuid():
                continue
            if file.read(1):
                return False, f"process {entry.name}"
    return True, "none can be read"


def _mount() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    libc.umount(b"/mnt")


if __name__ == "__main__":
    main()
