"""Ansible module: the releases of a host, what is known of each, and the history of its deploys."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: releases
short_description: List, annotate and prune releases, and write the history
description:
  - A release is a directory of C(releases/) that our roles named C(UTC-TIME-COMMIT). It is complete when it holds its
    C(release.json), which is replaced by a rename when something is noted in it.
  - Steps are done in the order of the options; each one may be repeated after a kill.
options:
  home: {description: The platform's directory., type: path, default: /opt/milkbot}
  note: {description: "What to write into release.json, by release id.", type: dict, default: {}}
  good:
    description: >-
      Release to mark good as of now, if it is live. When C(good_already) says that it was live before and it is marked
      already, nothing is written at all, neither a note nor the line of the history.
    type: str
  good_already: {description: The release was live before the run that asks., type: bool, default: false}
  history: {description: Line to append to deploys.jsonl., type: dict}
  keep:
    description: >-
      Complete releases to keep; 0 prunes nothing. Bad ones are removed first, then those that were never live, then
      good ones by when they were live.
    type: int
    default: 0
  keep_free:
    description: Bytes that shall be free on the disk; while fewer are, kept releases are removed too, in that order.
    type: int
    default: 0
  protect:
    description: Releases never to remove; the live one and the newest good one before it never are.
    type: list
    elements: str
    default: []
  sizes: {description: Add up what each one alone holds on the disk., type: bool, default: false}
"""

RETURN = r"""
releases:
  description: >-
    Oldest first. C(id), C(path), C(live), C(complete), C(result) (good, bad or empty), C(reason), C(schema), C(commit),
    C(content), C(created_at), C(live_at), C(bytes).
  returned: always
  type: list
live: {description: Id of the release that current points to., type: str}
previous: {description: Id of the good release that was live before it., type: str}
removed: {description: Ids of the releases that were pruned., type: list}
line: {description: What was appended to the history., type: dict}
"""

_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")
_SHOWN = ("result", "reason", "schema", "commit", "content", "version", "created_at", "created_by", "live_at", "backup")


@dataclass(frozen=True)
class Release:
    """One directory."""

    path: Path
    live: bool
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.path.name

    def shown(self, *, size: bool) -> dict[str, Any]:
        known = {name: self.record.get(name, "") for name in _SHOWN}
        known |= {"id": self.id, "path": str(self.path), "live": self.live, "complete": bool(self.record)}
        return known | ({"bytes": own_bytes(self.path)} if size else {})


def own_bytes(directory: Path) -> int:
    """What would be free if it went: files that other releases or the installer's cache share are not counted."""
    total = 0
    for top, _, names in os.walk(directory):
        for name in names:
            status = (Path(top) / name).lstat()
            if status.st_nlink == 1:
                total += status.st_blocks * 512
    return total


def read_record(directory: Path) -> dict[str, Any]:
    """The release's record; empty for one that is not complete."""
    try:
        found = json.loads((directory / "release.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def list_releases(home: Path) -> list[Release]:
    live = Path(os.path.realpath(home / "current"))
    top = home / "releases"
    paths = sorted(path for path in top.iterdir() if _NAME.fullmatch(path.name)) if top.is_dir() else []
    # What is a link or a file is not of our making, whatever its name.
    return [Release(path, path == live, read_record(path)) for path in paths if path.is_dir() and not path.is_symlink()]


def newest_good(releases: list[Release], but: set[str]) -> str:
    """The good release that was live last, except those; empty when there is none."""
    good = [entry for entry in releases if entry.record.get("result") == "good" and entry.id not in but]
    return max(good, key=lambda entry: (entry.record.get("live_at", ""), entry.id)).id if good else ""


def live_of(releases: list[Release]) -> str:
    return next((entry.id for entry in releases if entry.live), "")


def take_note(releases: list[Release], notes: dict[str, dict[str, Any]]) -> list[Release]:
    """The complete releases whose record is not what the notes say."""
    return [entry for entry in releases if entry.record and entry.record | notes.get(entry.id, {}) != entry.record]


def write_record(entry: Release, note: dict[str, Any]) -> None:
    target = entry.path / "release.json"
    temporary = target.with_suffix(".new")
    temporary.write_text(json.dumps(entry.record | note, indent=4, sort_keys=True) + "\n", encoding="utf-8")
    temporary.chmod(0o644)
    temporary.replace(target)


def settle(asked: dict[str, Any], releases: list[Release]) -> None:
    """Turn `good` into a note, or take back what was asked for when it is settled already."""
    entry = next((entry for entry in releases if entry.live and entry.id == asked["good"]), None)
    if entry is None or (asked["good_already"] and entry.record.get("result") == "good"):
        asked["note"], asked["history"] = {}, None
        return
    now = datetime.now(tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    more = asked["note"].get(entry.id, {})
    asked["note"] = {**asked["note"], entry.id: {"result": "good", "reason": "", "live_at": now, **more}}


def usefulness(entry: Release) -> tuple[int, str, str]:
    """The higher, the longer it is kept: good ones by when they were live, then those never live, then bad ones."""
    rank = {"good": 3, "": 2, "bad": 1}.get(entry.record.get("result", ""), 0) if entry.record else 0
    return rank, entry.record.get("live_at", ""), entry.id


def removable(releases: list[Release], protect: set[str]) -> list[Release]:
    """All but the live one, the good one before it, and those; the least useful first."""
    safe = protect | {live_of(releases), newest_good(releases, {live_of(releases)})}
    return sorted((entry for entry in releases if entry.id not in safe), key=usefulness)


def surplus(releases: list[Release], keep: int, protect: set[str]) -> list[Release]:
    """What may go: incomplete ones, and the least useful beyond the number to keep. Bad ones push no good one out."""
    going = removable(releases, protect)
    whole = [entry for entry in going if entry.record]
    room = keep - sum(bool(entry.record) for entry in releases if entry not in going)
    kept = {entry.id for entry in whole[-room:]} if room > 0 else set()
    return [entry for entry in releases if entry in going and entry.id not in kept]


def remove(entry: Release) -> None:
    # First its record, so that a kill leaves no half release that looks complete.
    (entry.path / "release.json").unlink(missing_ok=True)
    shutil.rmtree(entry.path)


def free_disk(home: Path, wanted: int, releases: list[Release], protect: set[str]) -> list[Release]:
    """Remove kept releases until that many bytes are free, or none is left that may go. Returns the removed ones."""
    removed = []
    for entry in removable(releases, protect):
        if shutil.disk_usage(home).free >= wanted:
            break
        remove(entry)
        removed.append(entry)
    return removed


def append_history(home: Path, line: dict[str, Any]) -> None:
    """One write to a file that is only ever appended to. What is not known is left out."""
    known = {name: value for name, value in line.items() if value not in (None, "")}
    file = os.open(home / "deploys.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, (json.dumps(known, sort_keys=True) + "\n").encode())
        os.fsync(file)
    finally:
        os.close(file)


def main() -> None:
    module = AnsibleModule(
        {
            "home": {"type": "path", "default": "/opt/milkbot"},
            "note": {"type": "dict", "default": {}},
            "history": {"type": "dict"},
            "good": {"type": "str"},
            "good_already": {"type": "bool", "default": False},
            "keep": {"type": "int", "default": 0},
            "keep_free": {"type": "int", "default": 0},
            "protect": {"type": "list", "elements": "str", "default": []},
            "sizes": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked, home = dict(module.params), Path(module.params["home"])
    os.umask(0o022)
    releases, protect = list_releases(home), set(asked["protect"])
    if asked["good"] is not None:
        settle(asked, releases)
    noted = take_note(releases, asked["note"])
    removed = surplus(releases, asked["keep"], protect) if asked["keep"] > 0 else []
    if not module.check_mode:
        for entry in noted:
            write_record(entry, asked["note"][entry.id])
        if asked["history"] is not None:
            append_history(home, asked["history"])
        for entry in removed:
            remove(entry)
        removed += free_disk(home, asked["keep_free"], list_releases(home), protect)
        releases = list_releases(home)
    live = live_of(releases)
    module.exit_json(
        changed=bool(noted or removed or asked["history"] is not None),
        releases=[entry.shown(size=asked["sizes"]) for entry in releases],
        live=live,
        previous=newest_good(releases, {live}),
        removed=[entry.id for entry in removed],
        line=asked["history"],
    )


if __name__ == "__main__":
    main()
