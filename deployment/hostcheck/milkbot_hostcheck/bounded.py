"""Commands and questions that end: each has its seconds, and what it may say has its bytes."""

from __future__ import annotations

import os
import pwd
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CANNOT_RUN, NOT_FOUND, TIMED_OUT = 126, 127, 124
_PIECE = 1 << 16

# Nothing of the caller's: what is asked here is read by a program. No command may write byte code.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
    "SYSTEMD_COLORS": "0",
    "SYSTEMD_PAGER": "",
    "COLUMNS": "200",
}


@dataclass(frozen=True)
class Answer:
    """What came back: both outputs in one text, the exit code, seconds, and whether a part was left out."""

    text: str
    code: int = 0
    seconds: float = 0.0
    cut: bool = False
    command: str = ""


@dataclass(frozen=True)
class Ask:
    """A command of the collection. `limit` is in bytes; of what is longer the end is kept, or the beginning."""

    name: str
    command: Sequence[str]
    seconds: float = 10.0
    limit: int = 200_000
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_beginning: bool = False


@dataclass(frozen=True)
class Look:
    """A question that is answered by a function; it gets no exit code of its own but 1 when it raises."""

    name: str
    function: Callable[[], str]
    seconds: float = 20.0


def run(asked: Ask) -> Answer:
    """Run it as that user, without input. Never raises for what the command does; kills all of it at its time."""
    began = time.monotonic()
    shown = " ".join(asked.command)
    try:
        process = _start(asked)
    except FileNotFoundError:
        return Answer(f"{asked.command[0]}: there is no such program\n", NOT_FOUND, command=shown)
    except (KeyError, OSError, ValueError) as error:
        why = f"there is no user {asked.user}" if isinstance(error, KeyError) else str(error)
        return Answer(f"{asked.command[0]}: cannot be run: {why}\n", CANNOT_RUN, command=shown)
    said, cut, ended = _listen(process, asked, began + asked.seconds)
    if not ended:
        _kill(process)
    # No `with`: it would wait for a process that the kernel holds.
    if process.stdout is not None:
        process.stdout.close()
    code = process.returncode if ended else TIMED_OUT
    text = said.decode("utf-8", "replace").replace("\0", " ")
    if not ended:
        text += f"\n{asked.command[0]}: no end within {asked.seconds:g} seconds; it was stopped\n"
    return Answer(text, code, time.monotonic() - began, cut, shown)


def _start(asked: Ask) -> subprocess.Popen[bytes]:
    given = {**ENVIRONMENT, **asked.environment}
    options: dict[str, Any] = {}
    if asked.user:
        entry = pwd.getpwnam(asked.user)
        if os.geteuid() not in (0, entry.pw_uid):
            raise PermissionError(f"only root may ask as {asked.user}")
        if os.geteuid() == 0:
            options = {
                "user": entry.pw_uid,
                "group": entry.pw_gid,
                "extra_groups": os.getgrouplist(asked.user, entry.pw_gid),
            }
    started: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own words
        list(asked.command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd="/",
        env=given,
        **options,
    )
    return started


def _listen(process: subprocess.Popen[bytes], asked: Ask, deadline: float) -> tuple[bytes, bool, bool]:
    """What it said within its bounds, whether something is left out, and whether it came to its end."""
    assert process.stdout is not None  # noqa: S101 - it was opened with a pipe
    said, cut = bytearray(), False
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        piece = os.read(process.stdout.fileno(), _PIECE)
        if not piece:
            return _whole_lines(bytes(said), asked, cut), cut, _has_ended(process, deadline)
        said += piece
        if len(said) > asked.limit:
            cut = True
            if asked.keep_beginning:
                _kill(process)
                return _whole_lines(bytes(said[: asked.limit]), asked, cut), cut, True
            del said[: -asked.limit]
    return _whole_lines(bytes(said), asked, cut), cut, False


def _has_ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _whole_lines(said: bytes, asked: Ask, cut: bool) -> bytes:  # noqa: FBT001 - it goes with the two before it
    """Without the piece of a line at the cut: half of a secret would not be known as one."""
    if not cut:
        return said
    if asked.keep_beginning:
        return said[: said.rfind(b"\n") + 1]
    return said[said.find(b"\n") + 1 :] if b"\n" in said else b""


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(1)
    except (ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
        # Stuck in the kernel: it goes when what it waits for comes. Its pipe is ours no longer.
        pass


def ask_all(questions: Sequence[Ask | Look], seconds: float, at_once: int = 5) -> dict[str, Answer]:
    """Every answer that came within the whole time, by name, in the questions' order."""
    waiting, found = list(reversed(questions)), {}
    deadline = time.monotonic() + seconds

    def work() -> None:
        while waiting and time.monotonic() < deadline:
            try:
                question = waiting.pop()
            except IndexError:
                return
            found[question.name] = run(question) if isinstance(question, Ask) else _look(question)

    # Daemons: one that reads from a disk that hangs must not keep this program.
    workers = [threading.Thread(target=work, daemon=True) for _ in range(at_once)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
    late = Answer(f"no answer: the {seconds:g} seconds of the whole were over\n", TIMED_OUT)
    return {question.name: dict(found).get(question.name, late) for question in questions}


def _look(question: Look) -> Answer:
    """The function's answer; one that hangs is left alone after its seconds."""
    began, said = time.monotonic(), []

    def work() -> None:
        try:
            said.append(Answer(question.function(), 0, time.monotonic() - began))
        except Exception as error:  # noqa: BLE001 - whatever is broken there, the rest is still collected
            said.append(Answer(f"{type(error).__name__}: {error}\n", 1, time.monotonic() - began))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(question.seconds)
    return said[0] if said else Answer(f"no answer within {question.seconds:g} seconds\n", TIMED_OUT, question.seconds)
