"""Questions that end: each has its seconds, and what a program may print has its bytes."""

from __future__ import annotations

import atexit
import os
import pwd
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from milkbot_hostcheck.row import plain

CANNOT_RUN, NOT_FOUND, TIMED_OUT = 126, 127, 124
_PIECE = 1 << 16
# Longer than the whole answer of any program that a row reads.
_LONGEST = 16_000_000

# Nothing of the caller's: what is asked here is read by a program. No command may write byte code.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
    "SYSTEMD_COLORS": "0",
    "SYSTEMD_PAGER": "",
    "COLUMNS": "200",
}


# Whoever gives a question up does not end it: what runs then is killed when this program ends.
_running: set[subprocess.Popen[bytes]] = set()
_over = threading.Event()
# A program between its start and its entry above: the end waits for it, but no longer than this, since one on a disk
# that hangs never starts.
_starts = threading.Condition()
_starting: list[Ask] = []
_START_SECONDS = 1.0


@atexit.register
def end_all() -> None:
    """Kill every program that still runs, and start none any more; for who leaves by os._exit, which calls nobody."""
    with _starts:
        _over.set()
        _starts.wait_for(lambda: not _starting, _START_SECONDS)
    for process in tuple(_running):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True)
class Answer:
    """How a program ended and what it printed; `cut` when a part of that was left out."""

    code: int = 0
    output: str = ""
    complaint: str = ""
    seconds: float = 0.0
    cut: bool = False
    command: str = ""

    @property
    def late(self) -> bool:
        """Whether it had to be killed."""
        return self.code == TIMED_OUT

    @property
    def not_run(self) -> bool:
        """Whether there is no such program, or it could not be started."""
        return self.code in (CANNOT_RUN, NOT_FOUND)

    @property
    def text(self) -> str:
        """All that it printed, errors last."""
        return self.output + self.complaint

    def why(self) -> str:
        """What it complained of, in one line; the last one when it was killed."""
        lines = [line for line in self.complaint.splitlines() if line.strip()]
        return plain(lines[-1 if self.late else 0] if lines else f"it left with {self.code}")


@dataclass(frozen=True)
class Ask:
    """A command. `limit` is in bytes of each output; of what is longer the end is kept, or the beginning."""

    name: str
    command: Sequence[str]
    seconds: float = 10.0
    limit: int = 200_000
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_beginning: bool = False
    given: str = ""


@dataclass(frozen=True)
class Look:
    """A question that is answered by a function; it gets no exit code of its own but 1 when it raises."""

    name: str
    function: Callable[[], str]
    seconds: float = 20.0


Question = Ask | Look


def ask(
    command: Sequence[str], seconds: float, *, given: str = "", environment: Mapping[str, str] | None = None
) -> Answer:
    """The whole answer of a program, to `given` on its standard input."""
    return run(Ask("", command, seconds, _LONGEST, environment=environment or {}, given=given))


def run(asked: Ask) -> Answer:
    """Run it as that user. Never raises for what the command does; at its time all that it started is killed."""
    began = time.monotonic()
    shown = " ".join(asked.command)
    with _starts:
        if _over.is_set():
            return Answer(TIMED_OUT, "", f"{asked.command[0]}: not asked, this program ends\n", command=shown)
        _starting.append(asked)
    try:
        process = _start(asked)
        _running.add(process)
    except FileNotFoundError:
        return Answer(NOT_FOUND, "", f"{asked.command[0]}: there is no such program\n", command=shown)
    except (KeyError, OSError, ValueError) as error:
        why = f"there is no user {asked.user}" if isinstance(error, KeyError) else str(error)
        return Answer(CANNOT_RUN, "", f"{asked.command[0]}: cannot be run: {why}\n", command=shown)
    finally:
        with _starts:
            _starting.remove(asked)
            _starts.notify_all()
    if _over.is_set():
        _kill(process)
    heard = _Heard(asked)
    ended = heard.listen(process, began + asked.seconds) and _has_ended(process, began + asked.seconds)
    if not ended:
        _kill(process)
    _running.discard(process)
    # No `with`: it would wait for a process that the kernel holds.
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    output, complaint = heard.texts()
    if not ended and not heard.enough:
        complaint += f"{asked.command[0]}: no answer within {asked.seconds:g} s; it was stopped\n"
    code = TIMED_OUT if not (ended or heard.enough) else process.returncode if ended else 0
    return Answer(code, output, complaint, time.monotonic() - began, heard.cut, shown)


def _start(asked: Ask) -> subprocess.Popen[bytes]:
    options: dict[str, Any] = {}
    if asked.user:
        entry = pwd.getpwnam(asked.user)
        if os.geteuid() not in (0, entry.pw_uid):
            raise PermissionError(f"only root may ask as {asked.user}")
        if os.geteuid() == 0:
            groups = os.getgrouplist(asked.user, entry.pw_gid)
            options = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}
    # A file in memory: a pipe would make us wait for a program that does not read.
    given = os.memfd_create("given") if asked.given else os.open(os.devnull, os.O_RDONLY)
    try:
        if asked.given:
            os.write(given, asked.given.encode())
            os.lseek(given, 0, os.SEEK_SET)
        started: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own words
            list(asked.command),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # Another user may not enter the caller's directory.
            cwd="/",
            env={**ENVIRONMENT, **asked.environment},
            **options,
        )
    finally:
        os.close(given)
    return started


class _Heard:
    """What a program printed, within its bounds."""

    def __init__(self, asked: Ask) -> None:
        self._asked = asked
        self._said = (bytearray(), bytearray())
        self._cut = [False, False]
        self.enough = False

    @property
    def cut(self) -> bool:
        return any(self._cut)

    def listen(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Until both outputs have ended, which is true, or the time is over, or enough was said."""
        numbers = {pipe.fileno(): number for number, pipe in enumerate((process.stdout, process.stderr)) if pipe}
        while numbers:
            left = deadline - time.monotonic()
            ready = select.select([*numbers], [], [], left)[0] if left > 0 else []
            if not ready:
                return False
            for pipe in ready:
                if not (piece := os.read(pipe, _PIECE)):
                    del numbers[pipe]
                elif not self._take(numbers[pipe], piece):
                    self.enough = True
                    return False
        return True

    def _take(self, number: int, piece: bytes) -> bool:
        """Whether more is wanted."""
        said = self._said[number]
        said += piece
        if len(said) > self._asked.limit:
            self._cut[number] = True
            if self._asked.keep_beginning:
                return False
            del said[: -self._asked.limit]
        return True

    def texts(self) -> tuple[str, str]:
        """Both outputs without the piece of a line at a cut: half of a secret would not be known as one."""
        output, complaint = (
            self._whole_lines(bytes(said), cut) for said, cut in zip(self._said, self._cut, strict=True)
        )
        return output, complaint

    def _whole_lines(self, said: bytes, cut: bool) -> str:  # noqa: FBT001 - it goes with what it is of
        if cut and self._asked.keep_beginning:
            said = said[: self._asked.limit]
            said = said[: said.rfind(b"\n") + 1]
        elif cut:
            said = said[said.find(b"\n") + 1 :] if b"\n" in said else b""
        return said.decode("utf-8", "replace").replace("\0", " ")


def _has_ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Stuck in the kernel: it goes when what it waits for comes. Its pipes are ours no longer.
    with suppress(ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(1)


class Answers(Mapping[str, Answer]):
    """The answers of a host by the questions' names. Each is asked once, when it is read for the first time.

    `seconds` bounds each question further. The checks read from several threads: who comes second waits for the first.
    """

    def __init__(self, questions: Iterable[Question], seconds: float = float("inf")) -> None:
        self._questions = {question.name: question for question in questions}
        self._seconds = seconds
        self._locks = {name: threading.Lock() for name in self._questions}
        self._known: dict[str, Answer] = {}

    def __getitem__(self, name: str) -> Answer:
        with self._locks[name]:
            if name not in self._known:
                self._known[name] = _answer(self._questions[name], self._seconds)
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._questions

    def __iter__(self) -> Iterator[str]:
        return iter(self._questions)

    def __len__(self) -> int:
        return len(self._questions)

    def all(self, seconds: float, at_once: int = 5) -> dict[str, Answer]:
        """Every answer that comes within the whole time, in the questions' order."""
        waiting = list(reversed(self._questions))
        deadline = time.monotonic() + seconds

        def work() -> None:
            while waiting and time.monotonic() < deadline:
                with suppress(IndexError):
                    self[waiting.pop()]

        # Daemons: one that reads from a disk that hangs must not keep this program.
        workers = [threading.Thread(target=work, daemon=True) for _ in range(at_once)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        late = Answer(TIMED_OUT, "", f"no answer: the {seconds:g} seconds of the whole were over\n")
        known = dict(self._known)
        return {name: known.get(name, late) for name in self._questions}


def _answer(question: Question, seconds: float) -> Answer:
    if isinstance(question, Ask):
        return run(replace(question, seconds=min(seconds, question.seconds)))
    return _look(question, min(seconds, question.seconds))


def _look(question: Look, seconds: float) -> Answer:
    """The function's answer; one that hangs is left alone after its seconds."""
    began, said = time.monotonic(), []

    def work() -> None:
        try:
            said.append(Answer(0, question.function(), seconds=time.monotonic() - began))
        except Exception as error:  # noqa: BLE001 - whatever is broken there, the rest is still collected
            complaint = f"{type(error).__name__}: {error}\n"
            said.append(Answer(1, "", complaint, time.monotonic() - began))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(seconds)
    return said[0] if said else Answer(TIMED_OUT, "", f"no answer within {seconds:g} seconds\n", seconds)
