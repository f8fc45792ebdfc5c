"""The release that is live: whole, run by the services, and not held up by a deploy that never ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import milkbot_lock
from milkbot_hostcheck import paths
from milkbot_hostcheck.collection import seconds_of
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.paths import CURRENT
from milkbot_hostcheck.row import Row, by_limits, fail, ok, plain, span, unknown, warn

LOCK = milkbot_lock.LOCK
_MAPPED = re.compile(r"/opt/milkbot/releases/([^/]+)/.*?( \(deleted\))?$", re.MULTILINE)


def rows(host: Host) -> Iterator[Row]:
    yield _release(host)
    yield _running(host)
    yield _lock(host)


def _release(host: Host) -> Row:
    name, limit = "live release", "whole"
    if not host.release:
        return fail(name, f"{CURRENT} points to none", "releases.yml, then update.yml or rollback.yml", limit)
    if not (CURRENT / "release.json").is_file() or not (CURRENT / "venv/bin/milkbot").exists():
        value = f"{host.release} is not whole"
        return fail(name, value, "rollback.yml, or update.yml to build it anew", limit)
    return ok(name, host.release, limit)


def _running(host: Host) -> Row:
    """By the files that the processes have mapped: they show code that was removed under a service, too."""
    name, limit, remedy = (
        "running code",
        "the live release",
        "systemctl restart UNIT, or finish what was begun: update.yml",
    )
    units = {unit: host.facts.unit(unit) for unit in paths.SERVICES}
    if not all(units.values()):
        return unknown(name, host.facts.answer("units/properties").why(), "systemctl status 'milkbot-*'")
    wrong = []
    for unit, known in units.items():
        pid = known.get("MainPID", "0")
        if pid == "0":
            continue  # its own row says that it does not run
        try:
            maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it ended in this moment
        found = {release: bool(deleted) for release, deleted in _MAPPED.findall(maps)}
        wrong += [f"{unit} runs {release}" for release in found if release != host.release]
        wrong += [f"{unit} runs files that were removed" for removed in found.values() if removed]
    if wrong:
        return fail(name, plain("; ".join(wrong)), remedy.replace("UNIT", wrong[0].split()[0]), limit)
    return ok(name, "the services run the live release", limit)


def lock_holder() -> tuple[dict[str, Any], bool] | None:
    """Who holds the lock of the deploys, and whether that owner is known to be dead; None when it is free."""
    holder = milkbot_lock.holder_of(LOCK)
    return None if holder is None else (holder, milkbot_lock.provably_dead(holder))


def lock_age(holder: dict[str, Any], now: float) -> float:
    """For how long it has been held, by the owner's word, else by the file."""
    if (since := seconds_of(str(holder.get("since", "")))) is not None:
        return now - since
    try:
        return now - LOCK.stat().st_mtime
    except OSError:
        return 0.0


def _lock(host: Host) -> Row:
    name, limits = "deploy lock", host.settings.limits
    limit = f"warns from {limits.lock_warn_minutes:g} min, fails from {limits.lock_fail_minutes:g} min"
    held = lock_holder()
    if held is None:
        return ok(name, "free", limit)
    holder, dead = held
    who = {key: holder.get(key, "unknown") for key in ("purpose", "user", "host", "pid")}
    age = lock_age(holder, host.now)
    value = plain("held for {} by {purpose} of {user} on {host} (process {pid})".format(span(age), **who))
    if dead:
        remedy = "finish what it began: the next run takes the lock"
        return warn(name, f"{value}, which is gone", remedy, limit, "deploy-lock-dead")
    remedy = "ask its owner; if nobody works on it any more: unlock.yml"
    return by_limits(name, age / 60, (limits.lock_warn_minutes, limits.lock_fail_minutes), value, limit, remedy)
