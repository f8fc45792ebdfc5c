"""How the jobs of backups ended, as the health check and the metrics read it: an object in a file for each."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

STATE = Path("/var/lib/milkbot-backup")
GOOD = "good"
# Of pgBackRest's jobs: what a backup of a kind makes good again.
_MENDED_BY = {"incr": ("incr", "diff", "full"), "diff": ("diff", "full"), "full": ("full",), "verify": ("verify",)}

State = dict[str, Any]


def read(path: Path) -> State:
    """What the last run left; nothing where that is no object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, state: State) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    temporary = path.with_name(f"{path.name}.new")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(state) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def ended(before: State, run: State, more: dict[str, str]) -> State:
    """The state after a run. The end of the last good run, with the values of `more`, outlives every failure."""
    if run["result"] == GOOD:
        return {**run, "last_good_at": run["at"], "last_good_file": run["file"], **more}
    kept = ("last_good_at", "last_good_file", *more)
    return {**run, **{name: before.get(name) or "" for name in kept}}


def ended_job(before: State, job: str, run: State) -> State:
    """The same for pgBackRest's jobs together: the last run of each, and which failed that nothing made good again."""
    known = before.get("jobs")
    jobs: dict[str, State] = dict(known) if isinstance(known, dict) else {}
    jobs[job] = ended(jobs.get(job, {}), run, {})
    failing = [
        f"{name}: {state['reason']}"
        for name, state in jobs.items()
        if state["result"] != GOOD
        and all(jobs.get(other, {}).get("last_good_at", "") < state["at"] for other in _MENDED_BY[name])
    ]
    backups = [state for name, state in jobs.items() if name != "verify"]
    best = max(backups, key=lambda state: str(state["last_good_at"]), default={})
    return {
        **run,
        "result": "failed" if failing else GOOD,
        "reason": "; ".join(failing),
        "last_good_at": best.get("last_good_at", ""),
        "last_good_file": best.get("last_good_file", ""),
        "jobs": jobs,
    }


def run_of(result: str, reason: str, file: str, seconds: float) -> State:
    """A run that ends now."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"at": at, "result": result, "reason": reason, "file": file, "seconds": seconds}
