"""Backups for tests: dumps that are small, and their manifests."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.roles.rendering import ROOT

SCRIPTS = ROOT / "deployment/scripts"
sys.path.append(str(SCRIPTS))

# On a host they are the modules next to the scripts.
dump: Any = importlib.import_module("milkbot_backup.dump")
loss: Any = importlib.import_module("milkbot_backup.loss")
manifest: Any = importlib.import_module("milkbot_backup.manifest")
restored: Any = importlib.import_module("milkbot_backup.restored")
roles: Any = importlib.import_module("milkbot_backup.globals")
state: Any = importlib.import_module("milkbot_backup.state")

HEAD = b"--\n-- PostgreSQL database dump\n--\n\\restrict abc\nCREATE TABLE ops.ticks (id int);\n"
ROWS = b"COPY ops.alembic_version (version_num) FROM stdin;\n0008\n\\.\n\nCOPY ops.ticks (id, note) FROM stdin;\n"
TAIL = b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n"


def text(*ticks: bytes) -> bytes:
    """The SQL of a dump with those rows in ops.ticks."""
    return HEAD + ROWS + b"".join(ticks) + b"\\.\n\n" + TAIL


def write(path: Path, sql: bytes, *, manifest_of: bytes | None = None, **changes: Any) -> Path:
    """A compressed dump with its manifest: of itself, or of another dump's text; fields of it may be changed."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(sql))
    described = gzip.compress(manifest_of) if manifest_of is not None else path.read_bytes()
    beside = manifest_for(path.name, described)
    manifest.manifest_path(path).write_text(replace(beside, **changes).text(), "utf-8")
    return path


def manifest_for(name: str, compressed: bytes) -> Any:
    """What backup-database.sh would write about a compressed dump."""
    found = dump.read_dump(gzip.GzipFile(fileobj=io.BytesIO(compressed)))
    return manifest.Manifest(
        file=name,
        kind="daily",
        at="2026-11-25T02:00:00Z",
        seconds=1.0,
        bytes=len(compressed),
        sha256=hashlib.sha256(compressed).hexdigest(),
        release="20261124-abc",
        schema=found.revision,
        server_version="15.18",
        database="milkbot",
        database_bytes=10_000_000,
        tables=found.tables,
    )
