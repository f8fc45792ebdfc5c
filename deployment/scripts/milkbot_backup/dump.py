"""Reading a dump: the rows of each table, the schema's revision, and whether it came to its end."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

REVISION = b"ops.alembic_version"
_BLOCK = 1 << 18
_LONGEST = 1 << 16
_COPY = re.compile(rb"COPY (\S+|\".+\") \(.*\) FROM stdin;\n")
_END = b"-- PostgreSQL database dump complete"
_END_OF_ROWS = b"\n\\.\n"
# After the line that ends a dump come a few empty ones, and since 2025 psql's \unrestrict.
_LINES_AT_END = 10


class BrokenError(Exception):
    """The backup cannot be used; the message says why, and what to do."""


class Readable(Protocol):
    """What a dump's text is read from."""

    def read(self, size: int, /) -> bytes: ...


class Hashed(io.RawIOBase):
    """A file that is hashed and measured while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._file.read(len(buffer))
        self.digest.update(read)
        self.bytes += len(read)
        buffer[: len(read)] = read
        return len(read)


@dataclass
class Contents:
    """What a dump holds. `tables` counts the rows of each COPY block, by the table's quoted name."""

    tables: dict[str, int] = field(default_factory=dict)
    revision: str = ""
    whole: bool = False
    bytes: int = 0
    """Of the file, compressed."""
    sha256: str = ""
    """Of the file, compressed."""
    text_bytes: int = 0
    """Of the SQL."""


class _Source:
    """A dump's text, by lines where it is SQL and by blocks where it is rows; memory is bounded."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._held = b""
        self._at = 0
        self.bytes = 0

    def _more(self) -> bool:
        read = self._stream.read(_BLOCK)
        self.bytes += len(read)
        self._held = self._held[self._at :] + read
        self._at = 0
        return bool(read)

    def line(self) -> bytes:
        """The next line with its end, or the first piece of a very long one; empty at the end."""
        while (end := self._held.find(b"\n", self._at)) < 0 and len(self._held) - self._at < _LONGEST:
            if not self._more():
                break
        until = min(end + 1 or len(self._held), self._at + _LONGEST)
        found, self._at = self._held[self._at : until], until
        return found

    def rows(self) -> tuple[int, bytes, bool]:
        """How many lines there are until the one that ends them, the first of them, and whether that came.

        A row's own newlines and backslashes are escaped, so no row is equal to that line.
        """
        # The first line may be the end already.
        self._held, self._at = b"\n" + self._held[self._at :], 0
        self._more()
        first = self._held[1 : self._held.find(b"\n", 1) + 1]
        rows, counted_from = 0, 1
        while (end := self._held.find(_END_OF_ROWS)) < 0:
            # What may be the beginning of the end is kept.
            until = max(counted_from, len(self._held) - len(_END_OF_ROWS) + 1)
            rows += self._held.count(b"\n", counted_from, until)
            self._at, counted_from = until, 0
            if not self._more():
                return rows, first, False
        self._at = end + len(_END_OF_ROWS)
        return rows + self._held.count(b"\n", counted_from, end + 1), first, True


def read_dump(stream: Readable, *, until_revision: bool = False) -> Contents:
    """Count what a dump's text holds. With `until_revision` reading ends where the revision is known."""
    found, source, at_start, since_end = Contents(), _Source(stream), True, -1
    complete = True
    while complete and (piece := source.line()):
        begins, at_start = at_start, piece.endswith(b"\n")
        if not begins:
            continue
        since_end = 0 if piece.startswith(_END) else since_end + 1 if since_end >= 0 else -1
        if header := _COPY.fullmatch(piece):
            table = header[1]
            rows, first, complete = source.rows()
            found.tables[table.decode()] = rows
            if table == REVISION and rows:
                found.revision = first.decode(errors="replace").strip()
            if table == REVISION and until_revision:
                break
    found.whole = complete and 0 <= since_end < _LINES_AT_END
    found.text_bytes = source.bytes
    return found


def read_file(file: BinaryIO) -> Contents:
    """What a compressed dump holds, read to the last byte. Raises BrokenError when it is no whole gzip file."""
    hashed = Hashed(file)
    try:
        with gzip.GzipFile(fileobj=io.BufferedReader(hashed, _BLOCK)) as unpacked:
            found = read_dump(unpacked)
            while unpacked.read(_BLOCK):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BrokenError(f"is not a complete dump: as a gzip file it is broken ({error})") from error
    while hashed.read(_BLOCK):
        pass
    found.bytes, found.sha256 = hashed.bytes, hashed.digest.hexdigest()
    return found
