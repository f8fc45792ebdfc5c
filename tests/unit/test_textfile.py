"""What a run leaves for Prometheus, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.metrics import samples
from tests.patience import PATIENCE

from milkbot.errors import DatabaseUnavailableError, LockHeldError
from milkbot.textfile import Page, recorded_run

STARTED = 'milkbot_run_started_timestamp_seconds{component="trader"}'
FINISHED = 'milkbot_run_finished_timestamp_seconds{component="trader"}'
CODE = 'milkbot_run_exit_code{component="trader"}'


def _run_file(directory: Path) -> dict[str, float]:
    return samples((directory / "trader_run.prom").read_text("utf-8"))


def test_a_running_job_has_a_start_but_no_end(tmp_path: Path) -> None:
    with recorded_run(tmp_path, "trader"):
        during = _run_file(tmp_path)
    after = _run_file(tmp_path)
    assert STARTED in during
    assert FINISHED not in during
    assert after[STARTED] == during[STARTED]
    assert after[FINISHED] == pytest.approx(time.time(), abs=5)
    assert after[CODE] == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DatabaseUnavailableError("gone"), 71),
        (LockHeldError("another"), 75),
        (KeyboardInterrupt(), 1),
        (ZeroDivisionError("a bug"), 70),
    ],
)
def test_a_failed_run_has_its_exit_code(tmp_path: Path, error: BaseException, code: int) -> None:
    with pytest.raises(type(error)), recorded_run(tmp_path, "trader"):
        raise error
    assert _run_file(tmp_path)[CODE] == code


def test_a_killed_run_has_no_end_and_no_exit_code(tmp_path: Path) -> None:
    with recorded_run(tmp_path, "trader"):
        pass
    dying = (
        "import os, signal, sys; from pathlib import Path; from milkbot.textfile import recorded_run\n"
        "with recorded_run(Path(sys.argv[1]), 'trader'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", dying, str(tmp_path)], check=False, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL
    left = _run_file(tmp_path)
    assert STARTED in left
    assert FINISHED not in left
    assert CODE not in left


def test_without_a_directory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with recorded_run(None, "trader"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_missing_directory_does_not_end_the_run(tmp_path: Path) -> None:
    ended = False
    with recorded_run(tmp_path / "nowhere", "trader"):
        ended = True
    assert ended


def test_the_collector_can_read_the_metrics_of_a_unit(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with recorded_run(tmp_path, "trader"):
            pass
    finally:
        os.umask(before)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_keeps_the_whole_old_file(tmp_path: Path) -> None:
    page = Page()
    page.gauge("milkbot_example", "An example.", 1)
    page.write(tmp_path / "example.prom")
    broken = Page()
    broken.gauge("milkbot_example", "An example.", {"\ud800": 1}, by="what")
    with pytest.raises(UnicodeEncodeError):
        broken.write(tmp_path / "example.prom")
    assert samples((tmp_path / "example.prom").read_text("utf-8")) == {"milkbot_example": 1}
