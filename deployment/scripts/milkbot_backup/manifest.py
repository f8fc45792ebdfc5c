"""The manifest of a backup, and whether the file is what it says."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

from milkbot_backup.dump import BrokenError, Contents, read_file

BACKUPS = Path("/var/backups/milkbot")
DATABASE = "milkbot"
SUFFIX = ".sql.gz"
AT = "%Y-%m-%dT%H:%M:%SZ"
"""How a moment is written, in UTC."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was known about a backup when it was made."""

    file: str
    kind: str
    """daily, weekly, monthly or pre-deploy."""
    at: str
    """When its snapshot was taken, UTC."""
    seconds: float
    """From the lock to the last check."""
    bytes: int
    sha256: str
    release: str
    schema: str
    server_version: str
    database: str
    database_bytes: int
    """Of the running database, with its indexes: what a restore needs about as much room for."""
    tables: dict[str, int]
    """Rows of each table, counted in the dump's own snapshot."""

    def text(self) -> str:
        """The manifest as its file holds it."""
        return json.dumps(asdict(self), indent=2) + "\n"


def manifest_path(backup: Path) -> Path:
    """Where a backup's manifest is."""
    return backup.with_name(backup.name + ".json")


def manifest_of(backup: Path) -> Manifest | None:
    """The manifest of a backup, None when there is none. Raises BrokenError for one that cannot be understood."""
    path = manifest_path(backup)
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise BrokenError(f"{path} cannot be read as a manifest ({error}); take another backup") from error
    fields = get_type_hints(Manifest)
    if not isinstance(found, dict) or not fields.keys() <= found.keys():
        raise BrokenError(f"{path} is no manifest of a backup; take another backup")
    for name, kind in fields.items():
        if not _is(kind, found[name]):
            raise BrokenError(
                f"{path} has {name} = {str(found[name])[:80]!r}, which no backup has; take another backup"
            )
    try:
        time.strptime(found["at"], AT)
    except ValueError as error:
        raise BrokenError(f"{path} has no time of the backup: {error}; take another backup") from error
    return Manifest(**{name: found[name] for name in fields})


def _is(kind: Any, value: object) -> bool:
    """Whether JSON's value is of a field's type."""
    if isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, int | float)
    if kind in (str, int):
        return isinstance(value, kind)
    return isinstance(value, dict) and all(_is(int, rows) for rows in value.values())


def check_backup(path: Path, *, foreign: bool = False) -> tuple[Contents, Manifest | None]:
    """Read a backup from end to end and hold it against its manifest.

    Raises BrokenError, with the reason and what to do, when it is not what was backed up. One without a manifest is
    refused too unless it may be `foreign`; then only the dump itself is checked, and its `.sha256` if there is one.
    """
    size = _size(path)
    manifest = manifest_of(path)
    if manifest is None and not foreign:
        raise BrokenError(
            f"{path} has no manifest ({manifest_path(path).name}), so nothing says that it is what was backed up; "
            "if you know where it comes from: --foreign (rollback.yml: -e foreign=yes)"
        )
    if manifest is not None:
        _compare_outside(path, manifest, size)
    try:
        with path.open("rb") as file:
            found = read_file(file)
    except BrokenError as error:
        raise BrokenError(f"{path} {error}; take another") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    _compare_digest(path, manifest, found.sha256)
    if not found.whole:
        raise BrokenError(f"{path} is not a complete dump: it was cut before it was compressed; take another")
    if not found.revision:
        raise BrokenError(f"{path} is a dump of another database: ops.alembic_version has no row in it; take another")
    if manifest is not None:
        _compare_inside(path, manifest, found)
    return found, manifest


def newest(directory: Path = BACKUPS, schema: str | None = None) -> Path:
    """The newest backup with a manifest, or the newest one of that schema. Raises BrokenError when there is none."""
    for path in sorted(directory.glob(f"*/milkbot_*{SUFFIX}"), key=lambda path: path.name, reverse=True):
        try:
            manifest = manifest_of(path)
        except BrokenError:
            manifest = None
        if manifest is not None and schema in (None, manifest.schema):
            return path
    wanted = f" of schema {schema}" if schema else ""
    raise BrokenError(f"there is no backup{wanted} with a manifest below {directory}; name a file (-e backup=...)")


def _size(path: Path) -> int:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error
    if size == 0:
        raise BrokenError(f"{path} is empty; take another")
    return size


def _unreadable(path: Path, error: OSError) -> BrokenError:
    return BrokenError(f"{path} cannot be read ({error.strerror}); the backups are below {BACKUPS}")


def _compare_outside(path: Path, manifest: Manifest, size: int) -> None:
    beside = manifest_path(path)
    if manifest.file != path.name:
        raise BrokenError(f"{beside} is the manifest of {manifest.file}, not of {path.name}; take another backup")
    if manifest.database != DATABASE:
        raise BrokenError(f"{path} is a backup of the database {manifest.database}, not of {DATABASE}; take another")
    if manifest.bytes != size:
        raise BrokenError(
            f"{path} is not a complete dump: it has {size} bytes, and its manifest says {manifest.bytes}; take another"
        )


def _compare_digest(path: Path, manifest: Manifest | None, found: str) -> None:
    recorded = {manifest.sha256} if manifest else set()
    with suppress(FileNotFoundError):
        recorded |= set(path.with_name(path.name + ".sha256").read_text(encoding="ascii").split()[:1])
    if recorded - {found}:
        raise BrokenError(f"{path} is not what was backed up (its SHA-256 differs); take another")


def _compare_inside(path: Path, manifest: Manifest, found: Contents) -> None:
    if manifest.schema != found.revision:
        raise BrokenError(
            f"{path} holds the schema {found.revision}, and its manifest says {manifest.schema}; take another"
        )
    if differing := differing_counts(manifest.tables, found.tables):
        raise BrokenError(f"{path} is not what was backed up: {differing}; take another")


def differing_counts(expected: dict[str, int], found: dict[str, int]) -> str:
    """The first three tables whose rows differ, in words; empty when none does."""
    tables = sorted(table for table in {*expected, *found} if expected.get(table) != found.get(table))
    words = [f"{table} has {_shown(found, table)}, expected {_shown(expected, table)}" for table in tables[:3]]
    return ", ".join(words) + (f", and {len(tables) - 3} more differ" if len(tables) > 3 else "")


def _shown(counts: dict[str, int], table: str) -> str:
    return f"{counts[table]} rows" if table in counts else "no such table"
