"""Verifying a recording: what is damaged, and what was never recorded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.unit.recorder.recording import NOON, Station, book, write_run

from milkbot.recorder import files
from milkbot.recorder.files import Line
from milkbot.recorder.memory import Kind
from milkbot.recorder.verify import verify


def at(minute: float) -> timedelta:
    return timedelta(minutes=minute)


def test_a_whole_recording_has_nothing_to_say(tmp_path: Path) -> None:
    for minute in range(3):
        moment = NOON + at(minute)
        write_run(tmp_path, moment, book(moment, None if minute else 10))
    found = verify(tmp_path)
    assert (found.damage, found.gaps, found.unsettled, found.hours) == ([], [], [], 1)
    assert (found.first, found.last) == (NOON, NOON + at(2))
    assert found.lines == {"book": 3, "run": 3}


def test_what_the_recorder_writes_verifies(station: Station) -> None:
    for _ in range(12):
        station.record(minutes=60)
    found = verify(station.root, timedelta(minutes=61))
    assert (found.damage, found.gaps, found.problems, found.hours) == ([], [], 0, 12)


def test_time_without_a_run_is_a_gap(tmp_path: Path) -> None:
    for minute in (0, 1, 9, 10, 130):
        write_run(tmp_path, NOON + at(minute))
    assert verify(tmp_path).gaps == [(NOON + at(1), NOON + at(9)), (NOON + at(10), NOON + at(130))]


def test_a_changed_byte_of_a_sealed_hour_is_damage(tmp_path: Path) -> None:
    path = write_run(tmp_path, NOON, book(NOON, 10))
    files.seal(path)
    assert verify(tmp_path).damage == []
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(bytes(data))
    assert verify(tmp_path).damage == [
        "2026-08-03/16.jsonl.xz is not what SHA256SUMS says",
        f"2026-08-03/16.jsonl.xz: {len(data)} bytes from 0 on cannot be read",
    ]


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    path = write_run(tmp_path, NOON)
    files.seal(path)
    write_run(tmp_path, NOON + at(60))
    path.unlink()
    assert verify(tmp_path).damage == ["2026-08-03/16.jsonl.xz is in SHA256SUMS, and is not there"]


def test_a_confirmation_of_nothing_is_damage(tmp_path: Path) -> None:
    write_run(tmp_path, NOON, book(NOON, None))
    assert verify(tmp_path).damage == [
        "2026-08-03/16.jsonl.xz: book KXHIGHNY-26AUG03-B83.5 is confirmed, and not there"
    ]


def test_an_event_without_a_result_is_missing_after_three_days(tmp_path: Path) -> None:
    for name, status in (("KXHIGHNY-26AUG03", "closed"), ("KXHIGHNY-26AUG02", "finalized")):
        write_run(tmp_path, NOON, Line(NOON, Kind.EVENT, name, {"markets": [{"status": status}]}))
    assert verify(tmp_path).unsettled == []
    write_run(tmp_path, NOON + timedelta(days=4))
    assert verify(tmp_path).unsettled == ["KXHIGHNY-26AUG03"]
