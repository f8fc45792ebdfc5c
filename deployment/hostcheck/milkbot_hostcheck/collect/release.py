"""The release that is live: its links, its environment, what it says itself, the history, the lock, the backups."""

from __future__ import annotations

import json
from pathlib import Path

from milkbot_hostcheck import paths
from milkbot_hostcheck.asking import Ask, Look, Question
from milkbot_hostcheck.collect.files import look_at_end

_MODULES = [
    "milkbot.trader.trading_loop",
    "milkbot.analytics.service.application",
    "milkbot.dashboard.snapshot",
    "uvicorn",
]
_IMPORT = "import importlib,sys; [importlib.import_module(name) for name in sys.argv[1:]]; print('OK')"


def questions() -> list[Question]:
    python = str(paths.CURRENT / "venv/bin/python")
    program = str(paths.CURRENT / "venv/bin/milkbot")
    return [
        Ask("release/doctor", [program, "doctor", "--json"], 45, user=paths.ENV_USER),
        Ask("release/imports", [python, "-I", "-B", "-c", _IMPORT, *_MODULES], 30, user="milkbot"),
        Look("release/links", _links),
        Look("release/list", _releases),
        look_at_end("release/history", paths.HOME / "deploys.jsonl"),
        Ask("release/files", ["ls", "-la", str(paths.HOME), str(paths.RELEASES), str(paths.CURRENT) + "/"]),
        Ask("backups/files", ["find", str(paths.BACKUPS), "-type", "f", "-printf", "%TY-%Tm-%Td %TH:%TM %s %m %p\n"]),
        Look("backups/state", _backup_state),
        Ask("backups/directories", ["ls", "-ld", *(str(paths.BACKUPS / kind) for kind in paths.BACKUP_KINDS)]),
        look_at_end("backups/log", paths.LOGS / "backup.log"),
        look_at_end("health/log", paths.LOGS / "healthcheck.log"),
        *(
            look_at_end(f"logs/{name}", paths.LOGS / f"{name}.log")
            for name in ("trader", "rollups", "analytics", "dashboard", "simulator")
        ),
    ]


def _links() -> str:
    rows = []
    for path in (
        paths.CURRENT,
        paths.HOME / "venv",
        paths.CURRENT / "venv/bin/python",
        Path("/usr/local/bin/milkbot"),
    ):
        target = str(path.readlink()) if path.is_symlink() else ""
        rows.append(
            {
                "path": str(path),
                "target": target,
                "link": path.is_symlink(),
                "exists": path.exists(),
                "real": str(path.resolve()),
            }
        )
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def _releases() -> str:
    """A row for each release, the oldest first; `complete` once it has its record."""
    live = paths.CURRENT.resolve()
    rows = []
    for path in sorted(paths.RELEASES.iterdir()):
        if not path.is_dir():
            continue
        try:
            record = json.loads((path / "release.json").read_text("utf-8"))
        except (OSError, ValueError):
            record = None
        rows.append({"id": path.name, "live": path == live, "complete": record is not None, "record": record or {}})
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def _backup_state() -> str:
    rows = []
    for path in sorted(paths.BACKUP_STATE.glob("*.json")):
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            found = {"result": "failed", "reason": f"{path} cannot be read: {error}"}
        rows.append({"kind": path.stem, **found})
    return "".join(f"{json.dumps(row)}\n" for row in rows)
