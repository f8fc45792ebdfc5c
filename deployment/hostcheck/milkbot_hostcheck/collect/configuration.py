"""Files of settings, who may read them, and whether the release that is live accepts them."""

from __future__ import annotations

import grp
import json
import pwd
from pathlib import Path

from milkbot_hostcheck import paths
from milkbot_hostcheck.asking import Ask, Look, Question
from milkbot_hostcheck.collect.files import beginning_of, look_at
from milkbot_hostcheck.settings import LIMITS

_ENV_FILES = [
    paths.ENV_FILE,
    *(paths.CONFIG / f"{name}.env" for name in ("trader", "rollups", "analytics", "dashboard")),
]

# The release's own reading, for each service with what its unit gives it: no database and no exchange is asked.
_CHECK = """
import sys
from pathlib import Path
from dotenv import dotenv_values
from milkbot.errors import ConfigError
from milkbot.load_settings import load_settings
from milkbot.venue.signing import load_credentials
common = Path("/opt/milkbot/.env")
for name, file in (("trader", common), ("rollups", common), ("analytics", None), ("dashboard", None)):
    own = {key: value or "" for key, value in dotenv_values(f"/etc/milkbot/{name}.env", interpolate=False).items()}
    own.pop("LOG_FILE", None)
    try:
        found = load_settings(own, file)
        if name == "trader" and found.kalshi_api_key_id and found.kalshi_private_key_path:
            load_credentials(found.kalshi_api_key_id, found.kalshi_private_key_path)
    except ConfigError as error:
        print("\\n".join(f"{name}: {problem}" for problem in error.problems))
print("checked")
"""


def questions() -> list[Question]:
    shown = [path for path in paths.files(paths.SHOWN_FILES) if not _is_key(path)]
    python = str(paths.CURRENT / "venv/bin/python")
    return [
        Ask("config/check", [python, "-I", "-B", "-c", _CHECK], 20, user=paths.ENV_USER),
        Look("config/files", _permissions),
        Look("config/limits", _limits),
        *(look_at(f"config{path}", path) for path in shown),
    ]


def _is_key(path: Path) -> bool:
    if path.suffix in (".pem", ".key", ".crt"):
        return True
    try:
        return "PRIVATE KEY-----" in beginning_of(path)
    except OSError:
        return False


def _limits() -> str:
    """The host's table of limits, on one line; nothing where a role has not written it yet."""
    try:
        return f"{json.dumps(json.loads(LIMITS.read_text('utf-8')))}\n"
    except FileNotFoundError:
        return ""


def _permissions() -> str:
    """A row for each file: who owns it and who may read it, or that it is missing."""
    wanted = {*_ENV_FILES, paths.CONFIG / "health.env", paths.CONFIG / "backup.env"}
    wanted |= {*paths.files([*paths.SHOWN_FILES, *paths.KEY_FILES])}
    return "".join(f"{json.dumps(_row(path))}\n" for path in sorted(wanted))


def _row(path: Path) -> dict[str, object]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return {"path": str(path), "missing": True}
    except OSError as error:
        return {"path": str(path), "error": error.strerror}
    return {
        "path": str(path),
        "missing": False,
        "mode": f"{status.st_mode & 0o7777:04o}",
        "owner": _name(pwd.getpwuid, status.st_uid),
        "group": _name(grp.getgrgid, status.st_gid),
        "bytes": status.st_size,
        "changed": int(status.st_mtime),
    }


def _name(lookup: object, number: int) -> str:
    try:
        return str(lookup(number)[0])  # type: ignore[operator]
    except KeyError:
        return str(number)
