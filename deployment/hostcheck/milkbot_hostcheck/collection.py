"""What was collected: texts by name, as they lie in the archive. Judges read nothing else."""

from __future__ import annotations

import calendar
import gzip
import io
import json
import re
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from milkbot_hostcheck import loaded
from milkbot_hostcheck.asking import CANNOT_RUN, Answer
from milkbot_hostcheck.row import Row, State
from milkbot_hostcheck.settings import table

INDEX, PAGE = "index.json", "diagnosis.txt"
LONGEST = 16_000_000
_LONGEST_UNPACKED = 64_000_000
_SETTING = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_NOT_ASKED = Answer(CANNOT_RUN, "", "it was not asked")


class NoArchiveError(Exception):
    """The file is no archive of ours; the message says why, and what to do."""


@dataclass(frozen=True)
class Collection:
    """`facts`: `at` (UTC), `host`, `root` (whether root asked), `seconds`. Absent texts are empty, never an error."""

    answers: Mapping[str, Answer]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, name: str) -> Answer:
        """The whole answer; of what was not asked one that says so."""
        return self.answers.get(name, _NOT_ASKED)

    def text(self, name: str) -> str:
        return self.answers[name].text if name in self.answers else ""

    def code(self, name: str) -> int | None:
        """The exit code; None for what was not asked."""
        return self.answers[name].code if name in self.answers else None

    def lines(self, name: str, pattern: str = "") -> list[str]:
        """Its lines that hold the pattern."""
        found = re.compile(pattern, re.IGNORECASE)
        return [line for line in self.text(name).splitlines() if found.search(line)]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Its lines that are JSON objects: what the database and our own questions answer with."""
        return list(_objects(self.text(name)))

    def health(self) -> dict[str, Row]:
        """The rows of the health check at that time, by name."""
        found = (Row.of_json(row) for row in self.rows("health/rows"))
        return {row.name: row for row in found}

    def failing(self, *patterns: str, warned: bool = False) -> list[Row]:
        """The rows of those names that fail, or as well those that warn."""
        states = (State.FAIL, State.WARN) if warned else (State.FAIL,)
        return [
            row
            for row in self.health().values()
            if row.known and row.state in states and any(fnmatchcase(row.name, pattern) for pattern in patterns)
        ]

    def limits(self) -> dict[str, float]:
        """The host's table of limits, by their names in docs/health.md; what it lacks, or without one, as usual."""
        return {**table({}), **next(iter(self.rows("config/limits")), {})}

    def limit(self, name: str) -> float:
        return float(self.limits()[name])

    def units(self) -> dict[str, dict[str, str]]:
        """The properties of each unit by its name."""
        return {known["Id"]: known for known in loaded.units(self.text("units/properties")) if "Id" in known}

    def unit(self, name: str) -> dict[str, str]:
        """The properties of one unit; empty when it is not known."""
        return self.units().get(name, {})

    def settings(self, name: str = "config/opt/milkbot/.env") -> dict[str, str]:
        """NAME=value lines of a masked file of settings."""
        return dict(parse_settings(self.text(name)))

    @property
    def now(self) -> float:
        """When it was collected, in seconds of the epoch."""
        return seconds_of(str(self.facts.get("at", ""))) or 0.0


def parse_settings(text: str) -> Iterator[tuple[str, str]]:
    """Names and values as systemd and the program read them: double quotes, in which a backslash escapes."""
    for line in text.splitlines():
        if (found := _SETTING.fullmatch(line)) is not None:
            value = found[2].strip()
            if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
                value = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value[1:-1]
            yield found[1], value


def seconds_of(moment: str) -> float | None:
    """Seconds of the epoch of a time as 2026-11-25T02:00:41Z; UTC where it names no offset. None: it is none."""
    found = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:([+-])(\d\d):?(\d\d)?)?", moment)
    if not found:
        return None
    day, clock, sign, hours, minutes = found.groups()
    ahead = 3600 * int(hours or 0) + 60 * int(minutes or 0)
    return calendar.timegm(time.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S")) - float(f"{sign or '+'}{ahead}")


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue


def bounded(collection: Collection, longest: int = LONGEST) -> Collection:
    """The same with the longest texts cut to their ends: all together hold that many characters at most."""
    answers = dict(collection.answers)
    allowed = longest
    while sum(min(len(answer.text), allowed) for answer in answers.values()) > longest:
        allowed = allowed * 3 // 4
    for name, answer in answers.items():
        if len(answer.text) > allowed:
            answers[name] = replace(answer, output=answer.text[-allowed:].partition("\n")[2], complaint="", cut=True)
    return replace(collection, answers=answers)


def pack(collection: Collection, page: str) -> bytes:
    """The archive, made in memory: a disk that is full does not matter."""
    index = {
        "facts": dict(collection.facts),
        "answers": {
            name: {
                "command": answer.command,
                "code": answer.code,
                "seconds": round(answer.seconds, 2),
                "cut": answer.cut,
            }
            for name, answer in collection.answers.items()
        },
    }
    texts = {PAGE: page, INDEX: json.dumps(index, indent=1) + "\n"}
    texts |= {f"{name}.txt": answer.text for name, answer in collection.answers.items()}
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, text in texts.items():
            data = text.encode("utf-8", "replace")
            member = tarfile.TarInfo(f"milkbot-diagnosis/{name.lstrip('/')}")
            member.size, member.mode, member.mtime = len(data), 0o600, int(collection.now)
            archive.addfile(member, io.BytesIO(data))
    return held.getvalue()


def unpack(archive: bytes, name: str) -> Collection:
    """The collection of an archive. Raises NoArchiveError. Nothing is written anywhere."""
    remedy = "give one that diagnose.yml or diagnose.sh --archive made"
    texts: dict[str, str] = {}
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(archive)) as stream:
            plain = stream.read(_LONGEST_UNPACKED + 1)
        if len(plain) > _LONGEST_UNPACKED:
            raise NoArchiveError(f"{name} unpacks to more than any archive of ours; {remedy}")
        with tarfile.open(fileobj=io.BytesIO(plain)) as opened:
            for member in opened:
                file = opened.extractfile(member)
                if file is not None:
                    texts[member.name.partition("/")[2]] = file.read().decode("utf-8", "replace")
        index = json.loads(texts[INDEX])
        answers = {
            key: Answer(entry["code"], texts[f"{key}.txt"], "", entry["seconds"], entry["cut"], entry["command"])
            for key, entry in index["answers"].items()
        }
        return Collection(answers, index["facts"])
    except (OSError, EOFError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise NoArchiveError(f"{name} is no archive of a diagnosis ({error}); {remedy}") from error


def read_archive(path: Path) -> Collection:
    """The collection in a file. Raises NoArchiveError."""
    try:
        return unpack(path.read_bytes(), str(path))
    except OSError as error:
        raise NoArchiveError(f"{path} cannot be read ({error.strerror}); give an archive's path") from error
