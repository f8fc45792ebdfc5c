"""Failpoints: they stop a process where a test asks, and nothing else ever."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.patience import PATIENCE

from milkbot import failpoints


def test_an_unnamed_failpoint_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(failpoints.VARIABLE, raising=False)
    failpoints.reach("intent.committed")
    monkeypatch.setenv(failpoints.VARIABLE, "another.point=kill")
    failpoints.reach("intent.committed")


def test_a_misspelt_action_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(failpoints.VARIABLE, "here=explode")
    with pytest.raises(ValueError, match="explode"):
        failpoints.reach("here")


def test_a_named_point_kills_the_process_before_its_next_step() -> None:
    code = "from milkbot import failpoints; failpoints.reach('here'); print('went on')"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={failpoints.VARIABLE: "here=kill"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (found.returncode, found.stdout) == (-signal.SIGKILL, "")


def test_a_repeated_point_stops_at_the_named_pass(tmp_path: Path) -> None:
    code = "from milkbot import failpoints\nfor turn in range(3): print(turn); failpoints.reach('here')"
    record = tmp_path / "record"
    found = subprocess.run(
        [sys.executable, "-uc", code],
        env={failpoints.VARIABLE: "here#2=kill", failpoints.RECORD: str(record)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (found.returncode, found.stdout) == (-signal.SIGKILL, "0\n1\n")
    assert record.read_text() == "here#1\nhere#2\n"


def test_a_waiting_point_continues_when_its_file_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "reached"
    code = "from milkbot import failpoints; failpoints.reach('here'); print('went on')"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={failpoints.VARIABLE: f"here=wait:{file}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + PATIENCE
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert file.exists()
        assert process.poll() is None
        file.unlink()
        assert process.communicate(timeout=PATIENCE)[0] == "went on\n"
