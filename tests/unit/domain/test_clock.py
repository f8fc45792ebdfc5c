"""How long ago something was is asked of a clock that nothing stops and nobody sets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes import FakeClock
from tests.patience import PATIENCE

from milkbot.domain.clock import Deadline, SystemClock

A_WHILE = 0.3


def test_the_uptime_is_the_one_of_the_machine_in_seconds() -> None:
    before = float(Path("/proc/uptime").read_text("utf-8").split()[0])
    found = SystemClock().uptime()
    after = float(Path("/proc/uptime").read_text("utf-8").split()[0])
    assert before - 0.02 <= found <= after + 0.02  # the file has hundredths


def test_the_uptime_counts_while_the_process_is_stopped() -> None:
    code = """if True:
        import os, signal
        from milkbot.domain.clock import SystemClock
        before = SystemClock().uptime()
        os.kill(os.getpid(), signal.SIGSTOP)
        print(SystemClock().uptime() - before)
    """
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        stopped_at = time.monotonic()
        while time.monotonic() - stopped_at < A_WHILE:
            time.sleep(0.01)
        process.send_signal(signal.SIGCONT)
        counted, _ = process.communicate(timeout=PATIENCE)
    assert float(counted) >= A_WHILE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has time namespaces; run the tests with sudo")
def test_the_uptime_counts_while_the_machine_sleeps() -> None:
    """A namespace in which the machine has slept for a day."""
    code = "from milkbot.domain.clock import SystemClock; print(SystemClock().uptime())"
    asleep = ["unshare", "--time", "--boottime", "86400", "--fork"]
    shown = subprocess.run([*asleep, sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(shown.stdout) - SystemClock().uptime() > 86_300


@pytest.mark.parametrize("later", [0.0, 20.0])
def test_a_deadline_has_not_passed_before_its_seconds_are_over(later: float) -> None:
    clock = FakeClock()
    deadline = Deadline.within(clock, 20)
    clock.time += timedelta(seconds=later)
    assert not deadline.passed


def test_a_deadline_has_passed_once_its_seconds_are_over() -> None:
    clock = FakeClock()
    deadline = Deadline.within(clock, 20)
    clock.time += timedelta(seconds=20.001)
    assert deadline.passed
