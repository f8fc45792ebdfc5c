"""What inspect-backup.py reads in a backup, and what it says would be lost."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from tests.roles.rendering import ROLES, plugin

SCRIPT = ROLES.parent / "deployment/scripts/inspect-backup.py"
INSPECT = plugin("../deployment/scripts/inspect-backup.py")

HEAD = b"--\n-- PostgreSQL database dump\n--\n\\restrict abc\nCREATE TABLE ops.ticks (id int);\n"
ROWS = b"COPY ops.alembic_version (version_num) FROM stdin;\n0008\n\\.\n\nCOPY ops.ticks (id, note) FROM stdin;\n"
TAIL = b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n"


def _dump(*ticks: bytes) -> bytes:
    return HEAD + ROWS + b"".join(ticks) + b"\\.\n\n" + TAIL


def _file(path: Path, dump: bytes, *, manifest: bool = True) -> Path:
    path.write_bytes(gzip.compress(dump))
    if manifest:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(path.name + ".sha256").write_text(f"{digest}  {path.name}\n", "ascii")
    return path


def test_a_row_is_counted_twice_or_not_at_all() -> None:
    # Text that looks like the end, or like another table, is a row as well.
    rows = (b"1\tone\n", b"2\tCOPY ops.fills (id) FROM stdin;\n", b"3\t" + b"long " * 100_000 + b"\n", b"4\t\\\\.\n")
    found = INSPECT.read_dump(io.BytesIO(_dump(*rows)))
    assert found.tables == {"ops.alembic_version": 1, "ops.ticks": 4}
    assert found.revision == "0008"
    assert found.whole


@pytest.mark.parametrize("lines", range(1, 8))
def test_a_dump_that_was_cut_is_whole(lines: int) -> None:
    cut = b"".join(_dump(b"1\tone\n").splitlines(keepends=True)[:-lines])
    whole = cut.find(b"database dump complete") >= 0
    assert INSPECT.read_dump(io.BytesIO(cut)).whole == whole


def test_the_words_of_the_end_within_a_row_end_a_dump() -> None:
    row = b"-- PostgreSQL database dump complete\n"
    assert not INSPECT.read_dump(io.BytesIO(HEAD + ROWS + row)).whole


@pytest.mark.parametrize("mistake", ["another file", "cut after compression", "no gzip", "missing"])
def test_a_broken_backup_is_read(tmp_path: Path, mistake: str) -> None:
    path = _file(tmp_path / "backup.sql.gz", _dump(*(os.urandom(20).hex().encode() + b"\n" for _ in range(500))))
    if mistake == "another file":
        path.write_bytes(gzip.compress(_dump()))
    elif mistake == "cut after compression":
        path.write_bytes(path.read_bytes()[:-200])
    elif mistake == "no gzip":
        path.write_bytes(_dump())
    else:
        path.unlink()
    with pytest.raises(INSPECT.BrokenError, match=str(path)):
        INSPECT.read_backup(path)


def test_a_backup_of_before_manifests_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file(tmp_path / "backup.sql.gz", _dump(b"1\tone\n"), manifest=False)
    assert INSPECT.read_backup(path).tables["ops.ticks"] == 1
    assert f"{path}.sha256 is missing" in capsys.readouterr().err


def test_a_large_backup_is_held_in_memory(tmp_path: Path) -> None:
    path = _file(tmp_path / "backup.sql.gz", _dump(b"1\tone\n" * 200_000, b"2\t" + b"x" * 20_000_000 + b"\n"))
    tracemalloc.start()
    try:
        INSPECT.read_backup(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_what_would_be_lost_is_left_out() -> None:
    contents = INSPECT.Contents(tables={"ops.fills": 3, "ops.ticks": 10, "ops.gone": 2}, revision="0008", whole=True)
    live = {"ops.fills": 5, "ops.ticks": 10, "ops.new": 7}
    path = Path("/var/backups/milkbot/daily/milkbot_20261125_020000.sql.gz")
    now = INSPECT.taken_at(path) + 90 * 60
    lost = INSPECT.loss(path, contents, live, "2026-11-25T03:29:00Z", now)
    assert (lost["minutes"], lost["rows"], lost["at"]) == (90, 9, "2026-11-25T02:00:00Z")
    text = [line.split() for line in INSPECT.shown(lost)]
    assert ["ops.fills", "5", "3", "2"] in text
    assert ["ops.gone", "0", "2", "-2"] in text
    assert ["ops.new", "7", "0", "7"] in text
    assert text[-1][0] == "1"


def test_a_database_that_does_not_answer_hides_the_backup() -> None:
    contents = INSPECT.Contents(tables={"ops.fills": 3}, revision="0008", whole=True)
    lost = INSPECT.loss(Path(__file__), contents, None, "", 0)
    assert lost["rows"] is None
    assert "ops.fills    ?              3     ?" in INSPECT.shown(lost)


def test_the_newest_backup_is_not_the_one_that_is_chosen(tmp_path: Path) -> None:
    names = {"daily/milkbot_20261125_020000": b"0008", "pre-deploy/milkbot_20261125_030000": b"0009", "weekly/x": b"1"}
    for name, revision in names.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        _file(tmp_path / f"{name}.sql.gz", _dump().replace(b"0008", revision))
    assert INSPECT.newest(tmp_path, None).name == "milkbot_20261125_030000.sql.gz"
    assert INSPECT.newest(tmp_path, "0008").name == "milkbot_20261125_020000.sql.gz"
    with pytest.raises(INSPECT.BrokenError, match="no backup of schema 0007"):
        INSPECT.newest(tmp_path, "0007")


def test_a_wrong_option_reads_something() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--quick", "x"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
