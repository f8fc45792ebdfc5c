#!/usr/bin/python3 -B
"""write-state.py [--job JOB] NAME RESULT REASON FILE SECONDS [FIELD [VALUE]]

Writes how a job ended into /var/lib/milkbot-backup/NAME.json. RESULT is good or failed. FIELD is one more thing that is
known of the last good run. With --job (full, diff, incr, verify) NAME is the state of several jobs together.
Exit codes: 0 done · 1 it could not be written · 2 wrong usage
"""

from __future__ import annotations

import argparse
import sys

from milkbot_backup.state import STATE, ended, ended_job, read, run_of, write


def main() -> int:
    parser = argparse.ArgumentParser(prog="write-state.py", description="Write how a job of the backups ended.")
    parser.add_argument("--job", choices=("full", "diff", "incr", "verify"))
    parser.add_argument("name")
    parser.add_argument("result", choices=("good", "failed"))
    parser.add_argument("reason")
    parser.add_argument("file")
    parser.add_argument("seconds", type=float)
    parser.add_argument("field", nargs="?", default="")
    parser.add_argument("value", nargs="?", default="")
    asked = parser.parse_args()
    path = STATE / f"{asked.name}.json"
    run = run_of(asked.result, asked.reason, asked.file, asked.seconds)
    try:
        before = read(path)
        if asked.job:
            write(path, ended_job(before, asked.job, run))
        else:
            write(path, ended(before, run, {asked.field: asked.value} if asked.field else {}))
    except OSError as error:
        print(f"{path} could not be written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
