"""Ansible module: the backups that a host has, and what is known of each."""

from __future__ import annotations

import calendar
import json
import re
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: dumps
short_description: List the backups of the database
description:
  - Reads the names, and the manifest (C(FILE.json)) and the digest (C(FILE.sha256)) of each; it opens no backup.
options:
  directory: {description: Where the kinds have their directories., type: path, required: true}
"""

RETURN = r"""
dumps: {description: "Newest first. C(file), C(kind), C(at), C(bytes), C(release), C(schema), C(sha256).", type: list}
table: {description: The same as lines of text., type: list}
"""

_NAME = re.compile(r"milkbot_(\d{8}_\d{6})\.sql\.gz")
_COLUMNS = ("file", "kind", "age", "size", "schema", "release")


def read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def digest(path: Path) -> str:
    try:
        return (path.read_text(encoding="ascii").split() or [""])[0]
    except OSError:
        return ""


def listed(directory: Path) -> list[dict[str, Any]]:
    found = []
    for path in directory.glob("[a-z]*/milkbot_*.sql.gz"):
        if (named := _NAME.fullmatch(path.name)) is None:
            continue
        manifest = read_json(path.with_name(f"{path.name}.json"))
        taken = calendar.timegm(time.strptime(named[1], "%Y%m%d_%H%M%S"))
        found.append(
            {
                "file": str(path),
                "kind": path.parent.name,
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(taken)),
                "age": int(time.time() - taken),
                "bytes": path.stat().st_size,
                "release": str(manifest.get("release") or ""),
                "schema": str(manifest.get("schema") or ""),
                "sha256": digest(path.with_name(f"{path.name}.sha256")),
            }
        )
    return sorted(found, key=lambda entry: str(entry["at"]), reverse=True)


def age(seconds: int) -> str:
    minutes = max(0, seconds) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def table(found: list[dict[str, Any]]) -> list[str]:
    rows = [
        (
            entry["file"],
            entry["kind"],
            age(entry["age"]),
            f"{entry['bytes'] / 1e6:.1f} MB",
            entry["schema"] or "not noted",
            entry["release"] or "not noted",
        )
        for entry in found
    ]
    cells = [_COLUMNS, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return [line.rstrip() for line in lines]


def main() -> None:
    module = AnsibleModule({"directory": {"type": "path", "required": True}}, supports_check_mode=True)
    found = listed(Path(module.params["directory"]))
    module.exit_json(changed=False, dumps=found, table=table(found) if found else ["there is no backup yet"])


if __name__ == "__main__":
    main()
