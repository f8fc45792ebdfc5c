"""A collection ends, whatever the host does, and is no longer than it may be."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.patience import PATIENCE
from tests.roles.diagnosis import PROGRAM, collection, health_row, judged
from tests.roles.rendering import plugin

from milkbot_hostcheck import asking, diagnose, page, paths
from milkbot_hostcheck import collection as archives


def test_a_command_that_hangs_is_ended_at_its_limit() -> None:
    began = time.monotonic()
    # Its child holds the pipe as well.
    answer = asking.run(asking.Ask("x", ["sh", "-c", "echo before; sleep 1200 & sleep 1200"], seconds=0.5))
    assert time.monotonic() - began < PATIENCE
    assert answer.code == asking.TIMED_OUT
    assert answer.text.startswith("before\n")
    assert "no answer within 0.5 s" in answer.text


def test_a_command_that_leaves_a_child_behind_ends() -> None:
    began = time.monotonic()
    answer = asking.run(asking.Ask("x", ["sh", "-c", "sleep 1200 & echo done $!"], seconds=1.0))
    assert time.monotonic() - began < PATIENCE
    with suppress(ProcessLookupError):
        os.kill(int(answer.text.split()[1]), signal.SIGKILL)
    assert answer.text.startswith("done ")


def test_the_collection_continues_without_a_missing_program() -> None:
    answers = asking.Answers([asking.Ask("a", ["no-such-program"]), asking.Ask("b", ["echo", "here"])]).all(10)
    assert answers["a"].code == asking.NOT_FOUND
    assert answers["b"].text == "here\n"


def test_the_collection_continues_past_a_question_that_raises_or_hangs() -> None:
    ended = threading.Event()

    def hangs() -> str:
        ended.wait()
        return ""

    began = time.monotonic()
    looks = [asking.Look("a", lambda: str(1 / 0)), asking.Look("b", hangs, 0.3), asking.Look("c", lambda: "well")]
    answers = asking.Answers(looks).all(PATIENCE)
    assert time.monotonic() - began < PATIENCE
    ended.set()
    assert (answers["a"].code, answers["b"].code, answers["c"].code) == (1, asking.TIMED_OUT, 0)
    assert "ZeroDivisionError" in answers["a"].text


def test_the_whole_collection_ends_at_its_limit() -> None:
    began = time.monotonic()
    asked = [asking.Ask(str(number), ["sleep", "60"], seconds=60) for number in range(8)]
    answers = asking.Answers(asked).all(1.0, at_once=2)
    assert time.monotonic() - began < 200  # one after the other they sleep for 240
    assert {answer.code for answer in answers.values()} == {asking.TIMED_OUT}


# A question that is given up asks on, one program after the other, while the program that asked ends: the one that it
# asked runs already, but is so long not known to who started it.
_GIVEN_UP = """
import pathlib, subprocess, sys, threading, time
from milkbot_hostcheck import asking

pids, seconds = pathlib.Path(sys.argv[1]), float(sys.argv[2])

class Started(subprocess.Popen):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        time.sleep(seconds)

subprocess.Popen = Started

def ask_on():
    while True:
        asking.run(asking.Ask("", ["sh", "-c", f"echo $$ >>{pids}; exec sleep 1200"], 1200))

threading.Thread(target=ask_on, daemon=True).start()
while not pids.exists() or not pids.read_text().endswith(chr(10)):
    time.sleep(0.01)
"""


@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_no_program_that_was_asked_outlives_who_asked(unknown: float, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM)}
    command = [sys.executable, "-c", _GIVEN_UP, str(pids), str(unknown)]
    subprocess.run(command, check=True, env=environment, timeout=PATIENCE)
    running = [pid for pid in pids.read_text("ascii").split() if Path("/proc", pid, "exe").exists()]
    for pid in running:
        os.kill(int(pid), signal.SIGKILL)
    assert running == []


@pytest.mark.parametrize("kept", ["beginning", "end"])
def test_output_is_cut_at_whole_lines(kept: str) -> None:
    beginning = kept == "beginning"
    script = "for n in $(seq 1000); do echo secret-of-line-$n; done"
    answer = asking.run(asking.Ask("x", ["sh", "-c", script], limit=1000, keep_beginning=beginning))
    assert answer.cut
    lines = answer.text.splitlines()
    assert 0 < len(answer.text) <= 1000
    assert all(line.startswith("secret-of-line-") for line in lines)
    assert lines[0 if beginning else -1] == ("secret-of-line-1" if beginning else "secret-of-line-1000")


def test_an_archive_is_limited_in_size() -> None:
    long = "a line of a log\n" * 200_000
    whole = collection({"journal/a": long, "journal/b": long, "disk/mounts": "short\n"})
    cut = archives.bounded(whole, 1_000_000)
    assert sum(len(answer.text) for answer in cut.answers.values()) <= 1_000_000
    assert cut.text("disk/mounts") == "short\n"
    assert cut.answers["journal/a"].cut
    assert cut.text("journal/a").endswith("a line of a log\n")


def test_an_archive_gives_the_same_diagnosis_as_its_host() -> None:
    whole = collection({"postgres/answers": "no\n"}, {"postgres/answers": 2, "host/kernel": 127})
    packed = archives.pack(whole, "the page")
    again = archives.unpack(packed, "it")
    assert diagnose.judged(again) == diagnose.judged(whole)
    assert again.facts == dict(whole.facts)
    assert again.code("host/kernel") == 127
    with tarfile.open(fileobj=io.BytesIO(packed)) as opened:
        assert {member.mode for member in opened} == {0o600}
        assert all(member.name.startswith("milkbot-diagnosis/") for member in opened)


@pytest.mark.parametrize("wrong", [b"", b"no gzip", b"\x1f\x8b\x08", "cut", "empty tar", "bomb"])
def test_a_file_that_is_no_archive_is_refused(wrong: Any, tmp_path: Path) -> None:
    if wrong == "cut":
        wrong = archives.pack(collection(), "")[:-100]
    elif wrong in ("empty tar", "bomb"):
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w:gz", compresslevel=1) as made:
            if wrong == "bomb":
                member = tarfile.TarInfo("milkbot-diagnosis/x")
                member.size = 100_000_000
                with Path("/dev/zero").open("rb") as zeros:
                    made.addfile(member, zeros)
        wrong = held.getvalue()
    path = tmp_path / "x.tar.gz"
    path.write_bytes(wrong)
    done = _program(str(path))
    assert done.returncode == 1
    assert f"diagnose: {path}" in done.stderr
    assert "Traceback" not in done.stderr


def _program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The program as it is installed on a host."""
    return subprocess.run(
        [sys.executable, "-I", "-B", str(PROGRAM), "diagnose", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_the_program_in_a_hosts_memory_has_all_that_the_checks_read(tmp_path: Path) -> None:
    # As diagnose.yml sends it: one zip file, and no directory on the host.
    zipped = tmp_path / "program"
    zipped.write_bytes(plugin("diagnose/action_plugins/diagnosis.py")._packed())  # noqa: SLF001
    code = "import sys; sys.path.insert(0, sys.argv[1])\n"
    code += "from milkbot_hostcheck.checks import database; print(database.FACTS)"
    command = [sys.executable, "-I", "-B", "-c", code, str(zipped)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path)
    assert "FROM ops.alembic_version" in done.stdout, done.stderr


def test_an_archive_can_be_diagnosed_on_another_machine(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(archives.pack(collection({"network/firewall": "Status: inactive\n"}), ""))
    done = _program(str(path))
    assert done.returncode == 0, done.stderr
    assert "vps  2026-11-25T12:00:00Z" in done.stdout
    assert "1. The firewall is off  [firewall-off]" in done.stdout


@pytest.mark.parametrize("arguments", [["--hours", "0"], ["--hours", "x"], ["--what"], ["x.tar.gz", "--archive", "y"]])
def test_wrong_usage_is_refused_and_collects_nothing(arguments: list[str]) -> None:
    done = _program(*arguments)
    assert done.returncode == 2
    assert arguments[-1] in done.stderr or "--archive" in done.stderr


def test_a_page_fits_on_a_screen() -> None:
    many = {
        "units/properties": "\n\n".join(
            f"Id={name}\nLoadState=loaded\nActiveState=failed\nResult=exit-code\nUnitFileState=disabled"
            for name in paths.UNITS
        ),
        "network/firewall": "Status: inactive\n",
        "network/reach": "KALSHI_API_BASE example.com: the name does not resolve\n" + "x" * 500,
        "config/check": "".join(f"trader: NAME{number} is wrong: {'long ' * 60}\n" for number in range(50)),
        "health/rows": health_row("deploy lock", "held for 3 min", "warn", cause="deploy-lock-dead"),
        "disk/space": "\n" + "".join(f"/dev/vd{n} ext4 100000 99999 1 99% /mnt/{n}\n" for n in range(30)),
    }
    found = judged(many, {"postgres/answers": 2})
    shown = page.page(collection(many, {"postgres/answers": 2}), found, "/x/y.tar.gz")
    assert len(found) > 8
    assert sum(max(1, -(-len(line) // page.WIDTH)) for line in shown) <= page.LINES
    assert shown[2].startswith("1. ")
    assert shown[-1].endswith("/x/y.tar.gz")
    # None is left out without a word.
    assert f"{len(found)}. " in "\n".join(shown) or "more: see" in "\n".join(shown)


def test_an_archive_is_private_and_never_overwrites_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    assert diagnose._store(b"it", str(path)) == ""  # noqa: SLF001
    assert path.stat().st_mode & 0o777 == 0o600
    assert "exists already" in diagnose._store(b"other", str(path))  # noqa: SLF001
    assert path.read_bytes() == b"it"
    assert "cannot be written" in diagnose._store(b"it", str(tmp_path / "no" / "x"))  # noqa: SLF001
