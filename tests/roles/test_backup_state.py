"""How the jobs of backups ended, as write-state.py leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.roles.backups import state


def _run(result: str, at: str, file: str = "", reason: str = "") -> dict[str, Any]:
    return {"at": at, "result": result, "reason": reason, "file": file, "seconds": 1.5}


def test_a_failed_backup_keeps_the_record_of_the_last_good_one() -> None:
    good = state.ended({}, _run("good", "T1", "a"), {"taken_at": "T0"})
    assert (good["last_good_at"], good["last_good_file"], good["taken_at"]) == ("T1", "a", "T0")
    failed = state.ended(good, _run("failed", "T2", reason="no room"), {"taken_at": ""})
    assert (failed["at"], failed["file"], failed["reason"]) == ("T2", "", "no room")
    assert (failed["last_good_at"], failed["last_good_file"], failed["taken_at"]) == ("T1", "a", "T0")
    assert state.ended({}, _run("failed", "T2"), {})["last_good_at"] == ""


@pytest.mark.parametrize("left", ["", "{", "[]"])
def test_a_state_file_that_was_cut_is_replaced_by_the_next_run(tmp_path: Path, left: str) -> None:
    path = tmp_path / "daily.json"
    path.write_text(left, "utf-8")
    assert state.read(path) == {}
    state.write(path, _run("good", "T1"))
    assert state.read(path)["at"] == "T1"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_job_is_cleared_by_its_own_success_alone() -> None:
    found = state.ended_job({}, "full", _run("good", "T1", "F"))
    found = state.ended_job(found, "incr", _run("failed", "T2", "F", "no space"))
    assert (found["result"], found["reason"]) == ("failed", "incr: no space")
    assert (found["last_good_at"], found["last_good_file"]) == ("T1", "F")
    # The check of what is there makes no backup.
    found = state.ended_job(found, "verify", _run("good", "T3", "F"))
    assert (found["result"], found["last_good_at"]) == ("failed", "T1")
    found = state.ended_job(found, "diff", _run("good", "T4", "D"))
    assert (found["result"], found["reason"], found["last_good_file"]) == ("good", "", "D")
    assert set(found["jobs"]) == {"full", "incr", "verify", "diff"}
