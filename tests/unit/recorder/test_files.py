"""The files of a recording: whatever a killed run, a bad disk or a small limit does to them, the rest is read."""

from __future__ import annotations

import lzma
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.recorder.recording import NOON, book, write_run

from milkbot.recorder import files
from milkbot.recorder.files import Line


def recorded(path: Path) -> list[Line]:
    return [line for line in files.read_lines(path) if line.kind == "book"]


def minutes(root: Path, count: int) -> Path:
    """So many runs, a minute apart, with one order book each."""
    for minute in range(count):
        path = write_run(root, NOON + timedelta(minutes=minute), book(NOON + timedelta(minutes=minute), 10 + minute))
    return path


def test_an_hour_is_read_by_any_reader_of_xz(tmp_path: Path) -> None:
    path = minutes(tmp_path, 3)
    shown = lzma.decompress(path.read_bytes()).decode()
    assert len(shown.splitlines()) == 6
    assert shown.splitlines()[0] == (
        '{"at":"2026-08-03T16:00:00+00:00","kind":"book","key":"KXHIGHNY-26AUG03-B83.5",'
        '"body":{"yes_dollars":[["0.1000","10.00"]],"no_dollars":[]}}'
    )
    assert path == tmp_path / "2026-08-03" / "16.jsonl.xz"


def test_a_run_killed_at_any_byte_costs_that_run_alone(tmp_path: Path) -> None:
    path = minutes(tmp_path, 2)
    whole = path.read_bytes()
    before = next(files.parts(whole)).end
    for length in range(before + 1, len(whole)):
        path.write_bytes(whole[:length])
        assert files.cut_torn_end(path) == length - before
        assert path.stat().st_size == before
        write_run(tmp_path, NOON, book(NOON, 77))
        assert [line.body["yes_dollars"][0][0] for line in recorded(path)] == ["0.1000", "0.7700"]


def test_zeros_of_a_power_cut_are_cut_off(tmp_path: Path) -> None:
    path = minutes(tmp_path, 2)
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(4096))
    assert files.cut_torn_end(path) == 4096
    assert path.read_bytes() == whole
    assert files.cut_torn_end(path) == 0


def test_damage_in_the_middle_costs_one_run_and_is_left_for_verify(tmp_path: Path) -> None:
    path = minutes(tmp_path, 3)
    data = bytearray(path.read_bytes())
    second = list(files.parts(bytes(data)))[1]
    data[second.start + 40] ^= 0xFF
    path.write_bytes(bytes(data))
    assert [line.body["yes_dollars"][0][0] for line in recorded(path)] == ["0.1000", "0.1200"]
    assert files.cut_torn_end(path) == 0
    files.seal(path)
    assert path.read_bytes() == bytes(data)


def test_a_sealed_hour_has_the_same_lines_in_one_stream_and_a_standard_checksum(tmp_path: Path) -> None:
    path = minutes(tmp_path, 30)
    before, size = list(files.read_lines(path)), path.stat().st_size
    files.seal(path)
    assert list(files.read_lines(path)) == before
    assert len(list(files.parts(path.read_bytes()))) == 1
    assert path.stat().st_size < size / 5
    check = ["sha256sum", "--check", "--strict", files.SUMS]
    assert (
        subprocess.run(check, cwd=path.parent, capture_output=True, text=True, check=True).stdout == "16.jsonl.xz: OK\n"
    )


@pytest.mark.parametrize(("days_kept", "removed"), [(3, []), (2, [3]), (1, [3, 4]), (0, [3, 4])])
def test_the_oldest_days_go_first_and_the_newest_remains(tmp_path: Path, days_kept: int, removed: list[int]) -> None:
    sizes = []
    for day in range(3):
        path = write_run(tmp_path, NOON + timedelta(days=day), book(NOON + timedelta(days=day), 10 + day))
        sizes.append(path.stat().st_size)
    assert files.remove_oldest(tmp_path, sum(sizes[3 - days_kept :])) == [f"2026-08-0{day}" for day in removed]
    assert [day.name for day in files.days(tmp_path)] == [f"2026-08-0{day}" for day in (3, 4, 5) if day not in removed]
