#!/usr/bin/python3
"""point-in-time.py [--check | --json] [--repo N] [--now EPOCH] [TIME]
point-in-time.py --reached LOG [TIME] | --died LOG

Prints from when until when the database can be restored to any moment: which backups of pgBackRest there are, and how
far the archived WAL follows each without a gap. With TIME (2026-11-25 21:42:29+00) it names the backup that a restore
to that moment begins with, as JSON. --check finds whether WAL is missing behind the newest backup, which pgBackRest's
own verify does not. --now says until when the archive is known to reach, should it reach its end.
--reached proves by the log of a PostgreSQL that recovered that it ended at that moment and at no other, or without TIME
prints its last commit. --died prints from the log why one did not come that far.
Exit codes: 0 done · 1 that moment cannot be restored, or WAL is missing · 2 wrong usage
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STANZA = "milkbot"
SEGMENT_BITS = 24  # of a position in the WAL: segments have PostgreSQL's usual 16 MB
_PER_LOG = 1 << (32 - SEGMENT_BITS)
_SEGMENT = re.compile(r"(?:.*/)?([0-9A-F]{24})-[0-9a-f]{40}(?:\.\w+)?")
_HISTORY = re.compile(r"(?:.*/)?([0-9A-F]{8})\.history")
# PostgreSQL would take one without a zone as the server's time, and nobody knows which that is at three in the morning.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?) ?(Z|[+-]\d\d(?::?\d\d)?)")

_LAST_COMMIT = re.compile(r"last completed transaction was at log time (.+)")
_STOPPED = re.compile(r"recovery stopping before (?:commit|abort) of transaction")
_LAST_WORD = re.compile(r"(?:FATAL|PANIC): *(.+)")


class UnreachableError(Exception):
    """What was asked for cannot be restored; the message says why, and what can."""


@dataclass(frozen=True)
class Backup:
    """A backup of pgBackRest. `stopped` is in seconds since the epoch, `first` and `stop` are positions in the WAL."""

    label: str
    kind: str
    stopped: int
    bytes: int
    timeline: int
    first: int
    stop: int


@dataclass(frozen=True)
class Window:
    """Every moment from `begins` to `ends` (seconds since the epoch) can be restored by one of these backups."""

    begins: float
    ends: float
    last: int
    backups: tuple[Backup, ...]


@dataclass(frozen=True)
class Archive:
    """The archived segments by timeline and number, when each came, and where each timeline left the one before."""

    segments: dict[tuple[int, int], int]
    left_at: dict[int, int]

    def owner(self, number: int) -> int:
        """The timeline that a restore follows through that segment: the newest that had begun by then."""
        begun = [timeline for timeline, position in self.left_at.items() if position >> SEGMENT_BITS <= number]
        return max(begun, default=min(self.left_at))

    def newest(self) -> int:
        """Number of the last segment of the history that is being written."""
        return max((number for timeline, number in self.segments if timeline == self.owner(number)), default=-1)

    def follows(self, backup: Backup) -> bool:
        """Whether the backup was made in that history, and not in one that a restore left."""
        later = [position for timeline, position in self.left_at.items() if timeline > backup.timeline]
        return backup.timeline in self.left_at and all(backup.stop <= position for position in later)

    def reach(self, number: int) -> int:
        """The last segment that follows that one without a gap; one less than it when it is not there itself."""
        while (self.owner(number), number) in self.segments:
            number += 1
        return number - 1


def number_of(segment: str) -> int:
    """The number of a segment in its timeline, from the name of its file."""
    return int(segment[8:16], 16) * _PER_LOG + int(segment[16:24], 16)


def name_of(timeline: int, number: int) -> str:
    """The name of the file of a segment."""
    return f"{timeline:08X}{number // _PER_LOG:08X}{number % _PER_LOG:08X}"


def position_of(text: str) -> int:
    """A position in the WAL as PostgreSQL writes it: 16/B374D848."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def read_archive(listing: dict[str, Any], histories: dict[int, str]) -> Archive:
    """`listing` is what repo-ls says of the archive, `histories` are the contents of the timelines' history files."""
    segments: dict[tuple[int, int], int] = {}
    for path, entry in listing.items():
        if found := _SEGMENT.fullmatch(path):
            segments[int(found[1][:8], 16), number_of(found[1])] = entry["time"]
    newest = max([timeline for timeline, _ in segments] + list(histories), default=1)
    # A timeline's file holds a line for each one before it, and where that was left.
    lines = [line.split("\t") for line in histories.get(newest, "").splitlines() if "\t" in line]
    parents = [(int(parent), position_of(position)) for parent, position, *_ in lines]
    timelines = [*(parent for parent, _ in parents), newest]
    begun = zip(timelines[1:], (position for _, position in parents), strict=True)
    return Archive(segments, {timelines[0]: 0, **dict(begun)})


def read_backups(stanza: dict[str, Any], database: dict[str, int]) -> list[Backup]:
    """The backups of one cluster in one repository that are whole, the oldest first."""
    return sorted(
        (
            Backup(
                label=entry["label"],
                kind=entry["type"],
                stopped=entry["timestamp"]["stop"],
                bytes=entry["info"]["size"],
                timeline=int(entry["archive"]["start"][:8], 16),
                first=number_of(entry["archive"]["start"]),
                stop=position_of(entry["lsn"]["stop"]),
            )
            for entry in stanza.get("backup", [])
            if entry["database"] == database and not entry.get("error")
        ),
        key=lambda backup: backup.stopped,
    )


def windows(backups: list[Backup], archive: Archive, now: float | None = None) -> list[Window]:
    """What can be restored, the oldest first. Backups whose WAL ends at the same segment are one window."""
    by_end: dict[int, list[Backup]] = {}
    for backup in backups:
        last = archive.reach(backup.first)
        if archive.follows(backup) and last >= backup.stop >> SEGMENT_BITS:
            by_end.setdefault(last, []).append(backup)
    return [
        Window(
            # pgBackRest's own times are whole seconds: within that of its end a backup may not be consistent yet.
            begins=found[0].stopped + 1,
            ends=now if now and last == archive.newest() else archive.segments[archive.owner(last), last],
            last=last,
            backups=tuple(found),
        )
        for last, found in sorted(by_end.items())
    ]


def choose(found: list[Window], target: float) -> Backup:
    """The newest backup from which that moment is reached. Raises UnreachableError."""
    for window in reversed(found):
        if window.begins <= target <= window.ends:
            return [backup for backup in window.backups if backup.stopped + 1 <= target][-1]
    where = " and ".join(f"from {shown(window.begins)} to {shown(window.ends)}" for window in found)
    can = f"what can be restored is {where}" if where else "there is no backup yet: systemctl start milkbot-wal@full"
    raise UnreachableError(f"{shown(target)} cannot be restored; {can}")


def missing(backups: list[Backup], archive: Archive) -> str:
    """What is missing between the newest backup and the end of the archive; empty when nothing is."""
    if not backups:
        return "there is no backup yet"
    newest = backups[-1]
    last, end = archive.reach(newest.first), archive.newest()
    if last >= end and last >= newest.stop >> SEGMENT_BITS:
        return ""
    return f"WAL is missing behind backup {newest.label}: segment {name_of(archive.owner(last + 1), last + 1)}"


def last_commit(log: str) -> str:
    """Time of the last transaction that was replayed; empty when there was none."""
    found = _LAST_COMMIT.findall(log)
    return found[-1].strip() if found else ""


def reached(log: str, target: float | None) -> str:
    """What a recovery reached. Raises UnreachableError when that is not the moment that was asked for."""
    last = last_commit(log)
    if target is not None:
        # Without this line it ended somewhere else than it should.
        if not _STOPPED.search(log):
            raise UnreachableError(f"the moment was not reached: the WAL ended at {last or 'the backup'}")
        if last and read_time(last) > target:
            raise UnreachableError(f"the moment was passed: the last commit is of {last}")
    return f"reached: the last commit is of {last or 'before the end of the backup'}"


def why_died(log: str) -> str:
    """Why a recovery ended early, by its own last word."""
    words = _LAST_WORD.findall(log)
    last = last_commit(log)
    why = words[-1] if words else "its log does not say why"
    return f"the moment was not reached: {why}" + (f"; the last possible commit is of {last}" if last else "")


def shown(moment: float) -> str:
    """As restore-to-time.sh and PostgreSQL take it."""
    return dt.datetime.fromtimestamp(moment, dt.timezone.utc).isoformat(sep=" ").replace("+00:00", "+00")


def read_time(text: str) -> float:
    """Seconds since the epoch. Raises ValueError with what is wrong."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise ValueError(f"'{text}' is no time with a zone; give it like '2026-11-25 21:42:29+00'")
    zone = "+00:00" if found[3] == "Z" else found[3].replace(":", "")
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:] or '00'}"
    try:
        return dt.datetime.fromisoformat(
            f"{found[1]} {found[2].ljust(15, '0') if '.' in found[2] else found[2]}{zone}"
        ).timestamp()
    except ValueError as error:
        raise ValueError(f"'{text}' is no time: {error}") from error


def pgbackrest(*arguments: str) -> str:
    """What pgBackRest prints. Raises UnreachableError when it fails."""
    command = ["pgbackrest", f"--stanza={STANZA}", "--log-level-console=off", "--log-level-stderr=error", *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")  # noqa: S603 - our own words
    except FileNotFoundError as error:
        raise UnreachableError("pgbackrest is not installed; site.yml installs it (pgbackrest_enabled)") from error
    if done.returncode != 0:
        raise UnreachableError(f"pgbackrest does not answer: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def read(repository: int) -> tuple[list[Backup], Archive]:
    """What that repository holds of the cluster that runs; one from before a major upgrade has an earlier number."""
    info = json.loads(pgbackrest("info", "--output=json"))
    archives = [entry for entry in info[0].get("archive", []) if entry["database"]["repo-key"] == repository]
    if not archives:
        return [], read_archive({}, {})
    current = max(archives, key=lambda entry: int(entry["database"]["id"]))
    root = f"archive/{STANZA}/{current['id']}"
    listing = json.loads(pgbackrest("repo-ls", f"--repo={repository}", "--recurse", "--output=json", root))
    latest = max((found[1] for path in listing if (found := _HISTORY.fullmatch(path))), default="")
    text = pgbackrest("repo-get", f"--repo={repository}", f"{root}/{latest}.history") if latest else ""
    return read_backups(info[0], current["database"]), read_archive(listing, {int(latest, 16): text} if latest else {})


def main() -> int:
    parser = argparse.ArgumentParser(prog="point-in-time.py", description="Print which moments can be restored.")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--check", action="store_true", help="only whether WAL is missing behind the newest backup")
    kind.add_argument("--json", action="store_true", help="for a program")
    kind.add_argument("--reached", type=Path, metavar="LOG", help="what a recovery that wrote this log reached")
    kind.add_argument("--died", type=Path, metavar="LOG", help="why the recovery that wrote this log ended early")
    parser.add_argument("--repo", type=int, default=1, help="which repository, %(default)s by default")
    parser.add_argument(
        "--now", type=float, help="until when the archive is known to reach, in seconds since the epoch"
    )
    parser.add_argument("time", nargs="?", metavar="TIME")
    asked = parser.parse_args()
    try:
        target = None if asked.time is None else read_time(asked.time)
    except ValueError as error:
        print(f"point-in-time.py: {error}", file=sys.stderr)
        return 2
    try:
        if asked.died:
            raise UnreachableError(why_died(asked.died.read_text(encoding="utf-8", errors="replace")))
        if asked.reached:
            print(reached(asked.reached.read_text(encoding="utf-8", errors="replace"), target))
            return 0
        backups, archive = read(asked.repo)
        if asked.check:
            if gap := missing(backups, archive):
                raise UnreachableError(gap)
            return 0
        found = windows(backups, archive, asked.now)
        if target is not None:
            chosen = choose(found, target)
            print(json.dumps({**asdict(chosen), "target": shown(target), "epoch": target}))
            return 0
    except UnreachableError as error:
        print(error, file=sys.stderr)
        return 1
    if asked.json:
        print(json.dumps([asdict(window) for window in found]))
    else:
        print("\n".join(_lines(found) or ["nothing yet: there is no backup"]))
    return 0


def _lines(found: list[Window]) -> list[str]:
    return [
        f"from {shown(window.begins)} to {shown(window.ends)}, by {len(window.backups)} backups, "
        f"the newest {window.backups[-1].label}"
        for window in found
    ]


if __name__ == "__main__":
    sys.exit(main())
