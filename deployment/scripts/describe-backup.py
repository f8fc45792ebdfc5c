#!/usr/bin/python3 -B
"""describe-backup.py --counts-fd NUMBER --file NAME --kind KIND ... <DUMP

Reads a dump that was just written, to its last byte, and prints its manifest. Refuses one that has no end, or whose
rows are not those that its own snapshot had: that open file has a line for each table, its name and its rows with a tab
between. It needs no rights beyond the two open files.
Exit codes: 0 done · 1 this is no backup · 2 wrong usage
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from milkbot_backup.dump import BrokenError, read_file
from milkbot_backup.manifest import Manifest, differing_counts


def main() -> int:
    parser = argparse.ArgumentParser(prog="describe-backup.py", description="Print the manifest of a new dump.")
    parser.add_argument("--counts-fd", type=int, required=True, help="rows of each table in the dump's own snapshot")
    for name in ("file", "kind", "at", "release", "server-version", "database"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--database-bytes", type=int, required=True)
    parser.add_argument("--began", type=float, required=True, help="when the backup began, as a Unix time")
    asked = parser.parse_args()
    with os.fdopen(asked.counts_fd, encoding="utf-8") as counted:
        expected = {table: int(rows) for table, rows in (line.split("\t") for line in counted)}
    # So that the disk is read and not what memory still has of it.
    os.posix_fadvise(sys.stdin.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        found = read_file(sys.stdin.buffer)
        if not found.whole:
            raise BrokenError("has no end, although pg_dump did not complain")
        if not found.revision:
            raise BrokenError("holds no ledger: ops.alembic_version has no row; run: milkbot db upgrade")
        if differing := differing_counts(expected, found.tables):
            raise BrokenError(f"does not hold what its snapshot had: {differing}")
    except BrokenError as error:
        print(f"the dump {error}", file=sys.stderr)
        return 1
    manifest = Manifest(
        file=asked.file,
        kind=asked.kind,
        at=asked.at,
        seconds=round(time.time() - asked.began, 1),
        bytes=found.bytes,
        sha256=found.sha256,
        release=asked.release,
        schema=found.revision,
        server_version=asked.server_version,
        database=asked.database,
        database_bytes=asked.database_bytes,
        tables=found.tables,
    )
    sys.stdout.write(manifest.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
