"""The release that is live, and the lock of the deploys."""

from __future__ import annotations

import re

from milkbot_hostcheck import paths
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import DISK, Diagnosis, judge
from milkbot_hostcheck.row import State

_RESTART = "systemctl restart milkbot-analytics.service milkbot-dashboard.service"


def _live(collection: Collection) -> str:
    return next((row["id"] for row in collection.rows("release/list") if row.get("live")), "")


def _best(collection: Collection, but: str = "") -> str:
    """The good release that was live last; empty when there is none."""
    good = [
        row
        for row in collection.rows("release/list")
        if row.get("complete") and row["record"].get("result") == "good" and row["id"] != but
    ]
    return str(max(good, key=lambda row: (row["record"].get("live_at", ""), row["id"]))["id"]) if good else ""


@judge()
def current_dangling(collection: Collection) -> Diagnosis | None:
    row = next((row for row in collection.rows("release/links") if row["path"] == str(paths.CURRENT)), None)
    if row is None or (row["link"] and row["exists"]):
        return None
    best = _best(collection)
    return Diagnosis(
        "current-dangling",
        f"{paths.CURRENT} leads nowhere",
        (
            f"{paths.CURRENT} -> {row['target']}, which is not there"
            if row["link"]
            else f"{paths.CURRENT} is {'no link' if row['exists'] else 'missing'}",
        ),
        "a release was removed, or the link was changed, by hand",
        (f"ln -sfnT releases/{best} {paths.CURRENT}", _RESTART)
        if best
        else ("ansible-playbook -i INVENTORY site.yml --tags release,systemd",),
    )


@judge("current-dangling", DISK)
def environment_broken(collection: Collection) -> Diagnosis | None:
    """The interpreter or a library is missing: its code cannot be blamed."""
    code, said = collection.code("release/imports"), collection.text("release/imports").strip()
    if code in (0, None, 124) or "there is no user" in said:
        return None
    python = next((row for row in collection.rows("release/links") if row["path"].endswith("venv/bin/python")), {})
    foreign = re.search(
        r"No module named '(?!milkbot)([\w.]+)'|cannot open shared object file|there is no such program", said
    )
    if python.get("exists", True) and not foreign:
        return None
    live = _live(collection)
    return Diagnosis(
        "environment-broken",
        "The Python environment of the release is broken",
        (
            said.splitlines()[-1][:200] if said else "",
            *(
                ["its python is missing: " + (python.get("target") or python["path"])]
                if not python.get("exists", True)
                else []
            ),
        ),
        "files of it were removed, or the system's Python was replaced by another version",
        (
            f"rm /opt/milkbot/releases/{live}/release.json   # so that it is built again",
            "ansible-playbook -i INVENTORY site.yml --tags release,systemd",
            *(
                ["ansible-playbook -i INVENTORY rollback.yml   # or at once the release before"]
                if _best(collection, live)
                else []
            ),
        ),
    )


@judge("current-dangling", "environment-broken", DISK)
def import_error(collection: Collection) -> Diagnosis | None:
    code, said = collection.code("release/imports"), collection.text("release/imports").strip()
    found = re.findall(r"^\w*(?:Error|Exception)\b.*", said, re.MULTILINE)
    if code in (0, None, 124) or not found:
        return None
    places_in = re.findall(r'File "([^"]+)", line (\d+)', said)
    where = [f"{path} line {line}" for path, line in places_in if "/milkbot/" in path][-1:]
    back = _best(collection, _live(collection))
    return Diagnosis(
        "import-error",
        "The release cannot be imported",
        (found[-1][:200], *where),
        "the version that was deployed is broken, or a file of it was changed on the host",
        (
            "ansible-playbook -i INVENTORY rollback.yml"
            if back
            else (
                f"rm /opt/milkbot/releases/{_live(collection)}/release.json && ansible-playbook -i INVENTORY "
                "site.yml --tags release,systemd"
            ),
        ),
    )


@judge()
def deploy_lock(collection: Collection) -> Diagnosis | None:
    row = collection.health().get("deploy lock")
    if row is None or not row.value.startswith("held"):
        return None
    evidence = (f"/run/lock/milkbot-deploy.json: {row.value}",)
    if row.cause == "deploy-lock-dead":
        return Diagnosis(
            "deploy-lock-dead",
            "A run that changed this host died and left its lock",
            evidence,
            "it was killed, or its connection broke; what it had begun may be half done",
            (
                "run the same playbook again: it takes the lock over and goes on",
                "ansible-playbook -i INVENTORY unlock.yml -e confirm=yes   # only frees it",
            ),
        )
    if row.state is State.OK:
        return Diagnosis(
            "deploy-running",
            "A run is changing this host at this moment",
            evidence,
            "what stands still may stand still for it: the timers are held while it works",
            ("wait for its end; then ask again",),
            serious=False,
        )
    return Diagnosis(
        "deploy-lock-old",
        "The lock of the deploys has been held for long",
        evidence,
        "its owner is on another machine, of which nothing is known here; it may be gone",
        ("ask who that is; when nothing runs: ansible-playbook -i INVENTORY unlock.yml -e confirm=yes",),
    )
