#!/usr/bin/python3 -B
"""inspect-backup.py [--check | --json | --facts] [--foreign] [--schema REVISION] [FILE]

Reads a backup once from end to end, holds it against its manifest, and shows what a restore would lose. With --check
only whether it is what was backed up; with --facts that, and what a restore has to know, as JSON. --foreign takes a
file without a manifest. Without FILE it takes the newest backup of all kinds, with --schema the newest one of that
revision.
Exit codes: 0 done · 1 the backup cannot be used · 2 wrong usage
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from milkbot_backup.dump import BrokenError, Contents
from milkbot_backup.loss import live_rows, loss, shown, taken_at
from milkbot_backup.manifest import Manifest, check_backup, newest


def facts(path: Path, found: Contents, manifest: Manifest | None) -> dict[str, Any]:
    """What restore-database.sh and restore-drill.sh have to know of a backup that was checked."""
    return {
        "file": str(path),
        "at": manifest.at if manifest else "",
        "schema": found.revision,
        "tables": found.tables,
        # Without a manifest nobody knows; tables and indexes take about twice the room of their text.
        "database_bytes": manifest.database_bytes if manifest else 2 * found.text_bytes,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="inspect-backup.py", description="Show what a restore of a backup would lose."
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--check", action="store_true", help="only whether it is what was backed up")
    kind.add_argument("--json", action="store_true", help="for a program")
    kind.add_argument("--facts", action="store_true", help="what a restore has to know, for a program")
    parser.add_argument("--foreign", action="store_true", help="a file without a manifest is accepted too")
    parser.add_argument("--schema", help="without FILE: the newest backup that holds this revision")
    parser.add_argument("file", type=Path, nargs="?")
    asked = parser.parse_args()
    try:
        file = asked.file or newest(schema=asked.schema)
        found, manifest = check_backup(file, foreign=asked.foreign)
    except BrokenError as error:
        print(error, file=sys.stderr)
        return 1
    if asked.facts:
        print(json.dumps(facts(file, found, manifest)))
    elif not asked.check:
        lost = loss(file, found, *live_rows(), taken_at(file, manifest))
        print(json.dumps({**lost, "shown": shown(lost)}) if asked.json else "\n".join(shown(lost)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
