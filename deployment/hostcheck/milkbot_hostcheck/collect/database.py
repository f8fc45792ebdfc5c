"""PostgreSQL: what it says to its superuser, whether each service comes in, and its own log."""

from __future__ import annotations

from pathlib import Path

from milkbot_hostcheck import paths
from milkbot_hostcheck.asking import Ask, Look, Question
from milkbot_hostcheck.collect.files import end_of
from milkbot_hostcheck.collect.queries import OF_CLUSTER, OF_DATABASE
from milkbot_hostcheck.collection import parse_settings

_SOCKETS = "/run/postgresql"
# A statement that hangs on a lock or a disk ends; nothing can be written by mistake; times are UTC, as in every file.
_OPTIONS = "-c statement_timeout=5000 -c lock_timeout=2000 -c default_transaction_read_only=on -c timezone=UTC"
_LOGIN = {"PGCONNECT_TIMEOUT": "4", "PGOPTIONS": _OPTIONS, "PGAPPNAME": "milkbot diagnose"}


def questions() -> list[Question]:
    return [
        _psql("postgres/answers", "postgres", "SELECT 'up since ' || pg_postmaster_start_time()", plain=True),
        *(_psql(f"postgres/{name}", "postgres", query) for name, query in OF_CLUSTER.items()),
        *(_psql(f"postgres/{name}", "milkbot", query) for name, query in OF_DATABASE.items()),
        *_logins(),
        Ask("postgres/clusters", ["pg_lsclusters"]),
        Ask(
            "postgres/data-directory",
            ["ls", "-la", *(map(str, Path("/var/lib/postgresql").glob("*/main"))), "/var/lib/postgresql"],
        ),
        Look("postgres/log", _log),
    ]


def _psql(name: str, database: str, query: str, *, plain: bool = False) -> Ask:
    asked = query if plain else f"SELECT row_to_json(found) FROM ({query}) AS found"  # noqa: S608 - our own words
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", f"--dbname={database}", f"--host={_SOCKETS}", "-c", asked]
    return Ask(name, command, 8, user="postgres", environment=_LOGIN)


def _logins() -> list[Question]:
    """Whether each comes in as its service does: by the socket as who it is, and by the password of .env."""
    by_socket = [
        (paths.ENV_USER, "milkbot"),
        ("milkbot", "milkbot_trader"),
        ("milkbot-rollups", "milkbot_rollups"),
        ("milkbot-analytics", "milkbot_api"),
    ]
    asked: list[Ask | Look] = [
        Ask(f"logins/{role}", _as_role(role, _SOCKETS), 8, user=user, environment=_LOGIN) for user, role in by_socket
    ]
    try:
        settings = dict(parse_settings(paths.ENV_FILE.read_text("utf-8", "replace")))
    except OSError:
        return asked
    host, port = settings.get("POSTGRES_HOST") or "localhost", settings.get("POSTGRES_PORT") or "5432"
    role = settings.get("POSTGRES_USER") or "milkbot"
    command = [*_as_role(role, host, settings.get("POSTGRES_DB") or "milkbot"), f"--port={port}"]
    # By the environment, which other users cannot read, and not by the arguments, which they can.
    login = {**_LOGIN, "PGPASSWORD": settings.get("POSTGRES_PASSWORD", ""), "HOME": "/nonexistent"}
    return [*asked, Ask("logins/password", command, 8, environment=login)]


def _as_role(role: str, host: str, database: str = "milkbot") -> list[str]:
    return [
        "psql",
        "-XqAtw",
        f"--dbname={database}",
        f"--host={host}",
        f"--username={role}",
        "-c",
        "SELECT current_user",
    ]


def _log() -> str:
    """The newest log of the server, its end; of one that was just rotated, the one before as well."""
    logs = sorted(Path("/var/log/postgresql").glob("*.log*"), key=lambda path: path.stat().st_mtime)
    return "".join(end_of(path, 200_000) for path in [path for path in logs if path.suffix != ".gz"][-2:])
