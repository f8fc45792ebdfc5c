#!/usr/bin/python3 -B
"""restore-globals.py [--properties] <FILE.sql.gz.globals.sql

Prints the SQL that makes the roles of a backup which the server has not: without passwords, which nobody wrote down.
With --properties also what belongs to the database itself: who may do what with it, its settings, its limit of
connections.
Exit codes: 0 done · 1 the server does not answer · 2 wrong usage
"""

from __future__ import annotations

import argparse
import sys

from milkbot_backup.globals import statements
from milkbot_backup.server import NoAnswerError, ask


def main() -> int:
    parser = argparse.ArgumentParser(prog="restore-globals.py", description="Print what makes a backup's roles.")
    parser.add_argument("--properties", action="store_true", help="also what belongs to the database itself")
    asked = parser.parse_args()
    try:
        known = {row[0] for row in ask("SELECT quote_ident(rolname) FROM pg_roles;", "postgres")}
    except NoAnswerError as error:
        print(f"the server does not answer: {error}", file=sys.stderr)
        return 1
    for statement in statements(sys.stdin, known, properties=asked.properties):
        print(statement)
    return 0


if __name__ == "__main__":
    sys.exit(main())
