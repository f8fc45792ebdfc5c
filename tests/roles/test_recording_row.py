"""The row `recording`, of what the recorder really leaves."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from milkbot.cli import record
from milkbot.recorder import files
from milkbot.recorder.files import Line, hour_file
from milkbot.recorder.run import RunReport
from milkbot_hostcheck.checks import recording
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, State
from milkbot_hostcheck.settings import Settings

MINUTE, HOUR = 60.0, 3600.0


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording of one run, on a host that was set up an hour ago."""
    now = datetime.now(UTC)
    files.append(hour_file(tmp_path, now), [Line(now, "run", "KXHIGHNY", {"problems": 0})])
    monkeypatch.setattr(recording, "STATE", tmp_path / record.STATE)
    monkeypatch.setattr(Host, "installed_at", lambda _: now.timestamp() - HOUR)
    return tmp_path


def ended(root: Path, problems: list[str], removed: list[str] | None = None) -> None:
    """The recorder's own words on a run that ends now."""
    report = RunReport(Counter({"book": 1}), problems, removed or [])
    record.write_state(root, report, 1.25, 5_000_000_000)


def row(after: float = 0, **more: Any) -> Row:
    return next(iter(recording.rows(Host(Settings(record=True, **more), now=datetime.now(UTC).timestamp() + after))))


def test_a_good_run_is_healthy_for_a_quarter_of_an_hour(root: Path) -> None:
    ended(root, [])
    assert row().state is State.OK
    assert row(14 * MINUTE).state is State.OK
    assert row(16 * MINUTE).state is State.FAIL
    assert "the last good run was 16 min ago" in row(16 * MINUTE).value


def test_it_says_what_the_recording_takes_and_what_was_removed(root: Path) -> None:
    ended(root, [], ["2026-08-03"])
    ended(root, [])
    (day,) = files.days(root)
    assert row().value.endswith(f"0.00 of 5 GB since {day.name}, 2026-08-03 was removed")


def test_reads_that_fail_are_healthy_until_they_last(root: Path) -> None:
    ended(root, [])
    ended(root, ["/events of KXHIGHNY: no answer"])
    assert row().state is State.OK
    late = row(16 * MINUTE)
    assert late.state is State.FAIL
    assert "1 reads failed, the first: /events of KXHIGHNY: no answer" in late.value


def test_a_recorder_that_never_ran_fails_once_it_had_time(root: Path) -> None:
    del root
    assert row().value == "there was never a good run, in 60 min; nothing is recorded"
    assert row(-HOUR).state is State.OK


def test_a_state_that_cannot_be_read_is_no_health(root: Path) -> None:
    (root / record.STATE).write_text("[]", "utf-8")
    assert row().state is not State.OK
    (root / record.STATE).write_text(json.dumps({"last_good_at": ""}), "utf-8")
    assert row().state is not State.OK


def test_a_host_that_records_nothing_has_no_row() -> None:
    assert list(recording.rows(Host(Settings(), now=0.0))) == []
