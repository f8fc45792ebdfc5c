"""diagnose.sh [--archive FILE] [--hours N] [--all] | diagnose.sh ARCHIVE

Collects what tells how this host is, and prints what is wrong, why, and what to type. Changes nothing.
Exit codes: 0 collected and judged, whatever was found · 1 could not collect, or not keep it · 2 wrong usage
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from milkbot_hostcheck import known_secrets
from milkbot_hostcheck.alerting import memory
from milkbot_hostcheck.asking import Answer, Answers, Look
from milkbot_hostcheck.causes import JUDGES
from milkbot_hostcheck.causes.unexplained import unexplained
from milkbot_hostcheck.checks import check_everything
from milkbot_hostcheck.collect import questions
from milkbot_hostcheck.collection import Collection, NoArchiveError, bounded, pack, read_archive
from milkbot_hostcheck.diagnosis import Diagnosis, diagnose
from milkbot_hostcheck.host import Host, live_release
from milkbot_hostcheck.masking import masker
from milkbot_hostcheck.page import everything, page
from milkbot_hostcheck.settings import read

SECONDS = 90.0
_ROWS_SECONDS = 40.0
_DIRECTORIES_SHOWN = 60


def collect(hours: int = 6) -> Collection:
    """What this host says, without its secrets."""
    began = time.time()
    asked = Answers([*questions(hours), Look("health/rows", lambda: _rows(Collection(asked)), _ROWS_SECONDS)])
    answers = _summed(asked.all(SECONDS))
    mask = masker(known_secrets.of_this_host())
    hidden = {
        name: replace(answer, output=mask(answer.text), complaint="", command=mask(answer.command))
        for name, answer in answers.items()
    }
    facts = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "host": socket.gethostname(),
        "root": os.geteuid() == 0,
        "seconds": round(time.time() - began, 1),
        "hours": hours,
    }
    return bounded(Collection(hidden, facts))


def _rows(facts: Collection) -> str:
    """The rows of the health check, one JSON object a line."""
    host = Host(read(), memory.load(read_only=True), release=live_release(), facts=facts)
    rows = [row for found in check_everything(host).values() for row in found]
    return "".join(f"{json.dumps({**row.as_json(), 'known': row.known, 'overdue': row.overdue})}\n" for row in rows)


def _summed(answers: dict[str, Answer]) -> dict[str, Answer]:
    """Of all directories only the biggest are kept."""
    whole = answers.pop("disk/all-directories")
    rows = [line for line in whole.output.splitlines() if line.partition("\t")[0].isdigit()]
    rows.sort(key=lambda line: -int(line.partition("\t")[0]))
    answers["disk/biggest"] = replace(whole, output="\n".join(rows[:_DIRECTORIES_SHOWN]) + "\n")
    return answers


def judged(collection: Collection) -> list[Diagnosis]:
    """What is wrong, the root of the rest first."""
    found = diagnose(collection, JUDGES)
    names = {diagnosis.name for diagnosis in found}
    if not any(diagnosis.serious for diagnosis in found) and (rest := unexplained(collection, names)):
        return [rest, *found]
    return found


def collected_archive(hours: int) -> bytes:
    """The archive, for who fetches it."""
    collection = collect(hours)
    return pack(collection, "\n".join(everything(collection, judged(collection))) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _asked(arguments)
    try:
        collection = read_archive(asked.read) if asked.read else collect(asked.hours)
    except NoArchiveError as error:
        print(f"diagnose: {error}", file=sys.stderr)
        return 1
    found = judged(collection)
    whole = everything(collection, found)
    shown = whole if asked.all else page(collection, found, "" if asked.archive in ("", "-") else asked.archive)
    if asked.archive and (problem := _store(pack(collection, "\n".join(whole) + "\n"), asked.archive)):
        print("\n".join(shown))
        print(f"diagnose: {problem}", file=sys.stderr)
        return 1
    print("\n".join(shown), file=sys.stderr if asked.archive == "-" else sys.stdout)
    return 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="diagnose.sh", description="Say what is wrong with this host, why, and what to type. Changes nothing."
    )
    parser.add_argument("read", metavar="ARCHIVE", type=Path, nargs="?", help="judge this archive instead of the host")
    parser.add_argument(
        "--archive", metavar="FILE", default="", help="keep what was collected in this new file; - prints it"
    )
    parser.add_argument("--hours", type=int, default=6, help="how far back to look for the first failure (%(default)s)")
    parser.add_argument("--all", action="store_true", help="show everything that was found, not one page")
    asked = parser.parse_args(arguments)
    if asked.hours < 1:
        parser.error(f"--hours is {asked.hours}; give 1 or more")
    if asked.read and asked.archive:
        parser.error("ARCHIVE is read and --archive writes one; give one of them")
    return asked


def _store(archive: bytes, where: str) -> str:
    """Write it where only its owner reads it; what is wrong with that in words, empty when nothing is."""
    if where == "-":
        sys.stdout.buffer.write(archive)
        sys.stdout.flush()
        return ""
    try:
        with os.fdopen(os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(archive)
    except FileExistsError:
        return f"{where} exists already; give another name"
    except OSError as error:
        Path(where).unlink(missing_ok=True)
        return f"{where} cannot be written ({error.strerror}); give a place with room, for example below /dev/shm, or -"
    return ""
