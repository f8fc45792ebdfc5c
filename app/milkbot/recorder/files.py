"""A recording on disk: DAY/HOUR.jsonl.xz in UTC, and DAY/SHA256SUMS for the hours that are over.

A file is a row of xz streams, one for each run of the recorder, so `xzcat` and Python's `lzma` read it. Each stream has
its own checksum: what a killed run left of its stream is found by that, and cut off by the next run.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from milkbot import failpoints

SUMS: Final = "SHA256SUMS"
_SUFFIX: Final = ".jsonl.xz"
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAGIC: Final = b"\xfd7zXZ\x00"
# A run's stream is small and made each minute; an hour is packed once.
_RUN_PRESET: Final = 2
_HOUR_PRESET: Final = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was read at `at`. Without a body it is as the file's line before it of the same kind and key."""

    at: datetime
    kind: str
    key: str
    body: Any = None

    def text(self) -> str:
        """The line as it is written."""
        row = {"at": self.at.astimezone(UTC).isoformat(), "kind": self.kind, "key": self.key}
        return f"{compact(row if self.body is None else {**row, 'body': self.body})}\n"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file: one stream's content, or None for bytes that are none."""

    start: int
    end: int
    content: bytes | None


def compact(value: object) -> str:
    """JSON without blanks; numbers that were read exactly are written as floats."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=float)


def parts(data: bytes) -> Iterator[Part]:
    """The streams of a file in turn. After damage it goes on at the next stream that is whole."""
    at = 0
    while at < len(data):
        found = _stream(data, at)
        if found is None:
            after = _next_stream(data, at)
            yield Part(at, after, None)
        else:
            content, after = found
            yield Part(at, after, content)
        at = after


def read_lines(path: Path) -> Iterator[Line]:
    """What can be read of an hour, in its order. Raises OSError, and ValueError for a line that is none of ours."""
    for part in parts(path.read_bytes()):
        for text in (part.content or b"").splitlines():
            row = json.loads(text)
            yield Line(datetime.fromisoformat(row["at"]), row["kind"], row["key"], row.get("body"))


def days(root: Path) -> list[Path]:
    """The directories of days, oldest first."""
    return sorted(path for path in root.iterdir() if _DAY.fullmatch(path.name)) if root.is_dir() else []


def hours(day: Path) -> list[Path]:
    """The files of a day, oldest first."""
    return sorted(day.glob(f"??{_SUFFIX}"))


def hour_of(path: Path) -> datetime:
    """When the hour of a file began."""
    return datetime.strptime(f"{path.parent.name} {path.name[:2]} +0000", "%Y-%m-%d %H %z")


def hour_file(root: Path, at: datetime) -> Path:
    """Where what is read at a moment goes."""
    moment = at.astimezone(UTC)
    return root / f"{moment:%Y-%m-%d}" / f"{moment:%H}{_SUFFIX}"


def append(path: Path, lines: Iterable[Line]) -> None:
    """Add a stream with these lines; they are on the disk afterwards. Raises OSError, and leaves a torn stream then."""
    content = lzma.compress("".join(line.text() for line in lines).encode(), preset=_RUN_PRESET)
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        half = len(content) // 2
        file.write(content[:half])
        file.flush()
        failpoints.reach("recorder.half_written")
        file.write(content[half:])
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        _sync(path.parent)
        _sync(path.parent.parent)


def cut_torn_end(path: Path) -> int:
    """Cut off what a killed run left of its stream; returns how many bytes. Damage before a whole stream remains."""
    found = list(parts(path.read_bytes()))
    if not found or found[-1].content is not None:
        return 0
    os.truncate(path, found[-1].start)
    return found[-1].end - found[-1].start


def seal(path: Path) -> None:
    """Pack an hour that is over as one stream, and note its checksum. A damaged one remains as it is."""
    found = list(parts(path.read_bytes()))
    if all(part.content is not None for part in found):
        packed = lzma.compress(b"".join(part.content or b"" for part in found), preset=_HOUR_PRESET)
        _replace(path, packed)
        failpoints.reach("recorder.packed")
    sums = {**read_sums(path.parent), path.name: digest(path)}
    text = "".join(f"{value}  {name}\n" for name, value in sorted(sums.items()))
    _replace(path.parent / SUMS, text.encode())


def read_sums(day: Path) -> dict[str, str]:
    """The checksums of a day by file name, as `sha256sum --check SHA256SUMS` reads them."""
    path = day / SUMS
    rows = [row.split() for row in path.read_text("ascii").splitlines()] if path.is_file() else []
    return {name: value for value, name in rows}


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def size_of(path: Path) -> int:
    """Bytes below a directory."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def remove_oldest(root: Path, limit_bytes: int) -> list[str]:
    """Remove the oldest days until the rest fits; the newest always remains. Returns what was removed."""
    kept = [(day, size_of(day)) for day in days(root)]
    total, removed = sum(size for _, size in kept), []
    for day, size in kept[:-1]:
        if total <= limit_bytes:
            break
        shutil.rmtree(day)
        total -= size
        removed.append(day.name)
    return removed


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step. Raises OSError; the file that was there is whole then."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    temporary.replace(path)


def _replace(path: Path, content: bytes) -> None:
    write_whole(path, content)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stream(data: bytes, at: int) -> tuple[bytes, int] | None:
    """The content of the stream that begins there, and where it ends; None where no whole stream begins."""
    if not data.startswith(_MAGIC, at):
        return None
    reader = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    try:
        content = reader.decompress(data[at:])
    except lzma.LZMAError:
        return None
    return (content, len(data) - len(reader.unused_data)) if reader.eof else None


def _next_stream(data: bytes, at: int) -> int:
    """Where the next whole stream begins, or the data's end."""
    after = data.find(_MAGIC, at + 1)
    while after >= 0 and _stream(data, after) is None:
        after = data.find(_MAGIC, after + 1)
    return len(data) if after < 0 else after
