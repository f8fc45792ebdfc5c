"""What inspect-backup.py reads in a backup, what it refuses, and what it says would be lost."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from tests.roles.backups import HEAD, ROWS, SCRIPTS, dump, loss, manifest, text, write

SCRIPT = SCRIPTS / "inspect-backup.py"
END = b"--\n-- PostgreSQL database dump complete\n--\n\n"
NAME = "milkbot_20261125_020000.sql.gz"


def _noise(rows: int) -> tuple[bytes, ...]:
    """Rows that do not compress, so that a file of them has blocks."""
    return tuple(b"%d\t%s\n" % (number, os.urandom(40).hex().encode()) for number in range(rows))


def test_every_row_of_a_dump_is_counted_once() -> None:
    # Text that looks like the end, or like another table, is a row too.
    rows = (b"1\tone\n", b"2\tCOPY ops.fills (id) FROM stdin;\n", b"3\t" + b"long " * 100_000 + b"\n", b"4\t\\\\.\n")
    found = dump.read_dump(io.BytesIO(text(*rows)))
    assert found.tables == {"ops.alembic_version": 1, "ops.ticks": 4}
    assert found.revision == "0008"
    assert found.whole


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("offset", range(-6, 7))
def test_the_end_of_the_rows_is_found_where_two_reads_meet(rows: int, offset: int) -> None:
    block = 1 << 18
    wide = block - len(HEAD + ROWS) + offset
    ticks = [b"x" * (wide // max(rows, 1)) + b"\n" for _ in range(rows)]
    padded = b"-- " + b"x" * (wide if not rows else 0) + b"\n"
    found = dump.read_dump(io.BytesIO(padded + text(*ticks)))
    assert found.tables["ops.ticks"] == rows
    assert found.whole


@pytest.mark.parametrize("lines", range(1, 8))
def test_a_dump_that_was_cut_is_incomplete(lines: int) -> None:
    cut = b"".join(text(b"1\tone\n").splitlines(keepends=True)[:-lines])
    whole = cut.find(b"database dump complete") >= 0
    assert dump.read_dump(io.BytesIO(cut)).whole == whole


def test_the_end_marker_within_a_row_does_not_end_a_dump() -> None:
    row = b"-- PostgreSQL database dump complete\n"
    assert not dump.read_dump(io.BytesIO(HEAD + ROWS + row)).whole


def test_a_large_backup_is_read_in_little_memory(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, text(b"1\tone\n" * 200_000, b"2\t" + b"x" * 20_000_000 + b"\n"))
    tracemalloc.start()
    try:
        manifest.check_backup(path)
        assert tracemalloc.get_traced_memory()[1] < 2_500_000
    finally:
        tracemalloc.stop()


def _refused(path: Path, *, foreign: bool = False) -> str:
    with pytest.raises(dump.BrokenError) as refused:
        manifest.check_backup(path, foreign=foreign)
    assert str(path) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_backup_that_was_cut_is_refused(tmp_path: Path, tenth: int, *, with_manifest: bool) -> None:
    path = write(tmp_path / NAME, text(*_noise(500)))
    os.truncate(path, path.stat().st_size * tenth // 10)
    if not with_manifest:
        manifest.manifest_path(path).unlink()
    said = _refused(path, foreign=not with_manifest)
    assert ("is empty" if tenth == 0 else "is not a complete dump") in said


@pytest.mark.parametrize("place", ["first byte", "middle", "last byte"])
def test_a_backup_with_a_flipped_byte_is_refused(tmp_path: Path, place: str) -> None:
    path = write(tmp_path / NAME, text(*_noise(500)))
    whole = path.read_bytes()
    blocks = range(0, len(whole), 4096)
    assert len(blocks) > 5
    for start in blocks:
        end = min(start + 4096, len(whole))
        at = {"first byte": start, "middle": (start + end) // 2, "last byte": end - 1}[place]
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert "is not a complete dump" in (said := _refused(path)) or "SHA-256 differs" in said
    path.write_bytes(whole)
    manifest.check_backup(path)


# Each is a whole gzip file with a digest that fits.
@pytest.mark.parametrize("lines", [1, 5, 100, 499])
@pytest.mark.parametrize("with_manifest", [True, False])
def test_sql_that_was_cut_before_it_was_compressed_is_refused(
    tmp_path: Path, lines: int, *, with_manifest: bool
) -> None:
    cut = b"".join(text(*_noise(500)).splitlines(keepends=True)[: -lines - 6])
    path = write(tmp_path / NAME, cut)
    if not with_manifest:
        manifest.manifest_path(path).unlink()
    assert "it was cut before it was compressed" in _refused(path, foreign=not with_manifest)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another name": ({"file": "milkbot_20261124_020000.sql.gz"}, "is the manifest of milkbot_20261124_020000.sql.gz"),
    "another digest": ({"sha256": "0" * 64}, "SHA-256 differs"),
    "another schema": ({"schema": "0007"}, "holds the schema 0008, and its manifest says 0007"),
    "other rows": ({"tables": {"ops.alembic_version": 1, "ops.ticks": 7}}, "ops.ticks has 0 rows, expected 7 rows"),
    "fewer tables": ({"tables": {"ops.alembic_version": 1}}, "ops.ticks has 0 rows, expected no such table"),
    "another database": ({"database": "shop"}, "a backup of the database shop, not of milkbot"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_manifest_that_contradicts_its_backup_is_refused(tmp_path: Path, mistake: str) -> None:
    fields, sentence = WRONG[mistake]
    assert sentence in _refused(write(tmp_path / NAME, text(), **fields))


def test_a_backup_with_the_manifest_of_another_file_is_refused(tmp_path: Path) -> None:
    assert "its manifest says" in _refused(write(tmp_path / NAME, text(), manifest_of=text(b"1\n")))


@pytest.mark.parametrize(
    ("beside", "sentence"),
    [(None, "has no manifest"), ("{", "cannot be read as a manifest"), ('{"file": "x"}', "is no manifest of a backup")],
)
def test_a_backup_without_a_manifest_is_refused(tmp_path: Path, beside: str | None, sentence: str) -> None:
    path = write(tmp_path / NAME, text())
    manifest.manifest_path(path).unlink()
    if beside is not None:
        manifest.manifest_path(path).write_text(beside, "utf-8")
    assert sentence in _refused(path)


def test_a_file_that_is_no_dump_of_the_platform_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert "cannot be read (No such file" in _refused(path)
    path.write_bytes(text())
    assert "as a gzip file it is broken" in _refused(path, foreign=True)
    shop = HEAD + b"COPY public.shop (id) FROM stdin;\n1\n\\.\n" + END
    assert "is a dump of another database" in _refused(write(path, shop))


def test_a_foreign_backup_is_accepted_on_request(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, text(b"1\tone\n"))
    manifest.manifest_path(path).unlink()
    found, beside = manifest.check_backup(path, foreign=True)
    assert (found.tables["ops.ticks"], beside) == (1, None)
    path.with_name(path.name + ".sha256").write_text(f"{'0' * 64}  {path.name}\n", "ascii")
    assert "SHA-256 differs" in _refused(path, foreign=True)


def test_the_newest_backup_of_the_schema_is_chosen(tmp_path: Path) -> None:
    names = {"daily/milkbot_20261125_020000": b"0008", "pre-deploy/milkbot_20261125_030000": b"0009", "weekly/x": b"1"}
    for name, revision in names.items():
        write(tmp_path / f"{name}.sql.gz", text().replace(b"0008", revision))
    without = write(tmp_path / "daily/milkbot_20261125_040000.sql.gz", text())
    manifest.manifest_path(without).unlink()
    assert manifest.newest(tmp_path).name == "milkbot_20261125_030000.sql.gz"
    assert manifest.newest(tmp_path, "0008").name == "milkbot_20261125_020000.sql.gz"
    with pytest.raises(dump.BrokenError, match="no backup of schema 0007"):
        manifest.newest(tmp_path, "0007")


def test_what_a_restore_would_lose_is_shown_per_table() -> None:
    contents = dump.Contents(tables={"ops.fills": 3, "ops.ticks": 10, "ops.gone": 2}, revision="0008", whole=True)
    live = {"ops.fills": 5, "ops.ticks": 10, "ops.new": 7}
    at = loss.taken_at(Path(f"/var/backups/milkbot/daily/{NAME}"))
    assert time.strftime("%FT%TZ", time.gmtime(at)) == "2026-11-25T02:00:00Z"
    lost = loss.loss(Path(NAME), contents, live, "2026-11-25T03:29:00Z", time.time() - 90 * 60)
    assert (lost["minutes"], lost["rows"]) == (90, 9)
    shown = [line.split() for line in loss.shown(lost)]
    assert ["ops.fills", "5", "3", "2"] in shown
    assert ["ops.gone", "0", "2", "-2"] in shown
    assert ["ops.new", "7", "0", "7"] in shown
    assert shown[-1][0] == "1"


def test_a_backup_is_shown_even_if_the_database_does_not_answer() -> None:
    contents = dump.Contents(tables={"ops.fills": 3}, revision="0008", whole=True)
    lost = loss.loss(Path(__file__), contents, None, "", 0)
    assert lost["rows"] is None
    assert "ops.fills    ?              3     ?" in loss.shown(lost)


def test_a_wrong_option_is_refused() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--quick", "x"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
