#!/usr/bin/python3 -B
"""check-restored.py [--books] DATABASE <FACTS

Holds a database that was just restored against the facts of its backup (inspect-backup.py --facts): schema revision,
rows of each table, constraints, indexes, and by pg_amcheck every row and every entry of an index. With --books also
what is always true of the ledger. PGHOST names another server than the host's own.
Exit codes: 0 all is as it was backed up · 1 it is not, a line for each thing that differs · 2 wrong usage
"""

from __future__ import annotations

import argparse
import json
import sys

from milkbot_backup.restored import NoAnswerError, broken_invariants, problems


def main() -> int:
    parser = argparse.ArgumentParser(prog="check-restored.py", description="Check a database that was just restored.")
    parser.add_argument("--books", action="store_true", help="also the invariants of the ledger")
    parser.add_argument("database")
    asked = parser.parse_args()
    try:
        found = list(problems(asked.database, json.load(sys.stdin)))
        if asked.books:
            found += broken_invariants(asked.database)
    except NoAnswerError as error:
        found = [f"{asked.database} does not answer: {error}"]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
