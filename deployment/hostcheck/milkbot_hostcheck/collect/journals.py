"""The journal: around the first failure of the last hours, the newest lines of each unit, the kernel's."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections import deque

from milkbot_hostcheck import paths
from milkbot_hostcheck.asking import ENVIRONMENT, Ask, Look, Question, run

_JOURNAL = ["journalctl", "--no-pager", "--utc", "--output=short-iso", "--quiet"]
FAILURE = re.compile(
    r'"level": ?"(?:error|critical)"|Traceback \(most recent|Failed with result|Failed to start|code=(?:killed|dumped)'
    r"|code=exited, status=(?!75/)[1-9]|\b(?:FATAL|PANIC):|\[(?:emerg|alert|crit)\]|No space left on device"
    r"|[Oo]ut of memory|oom-kill|segfault|I/O error|Remounting filesystem read-only"
)
_BEFORE, _AFTER = 30, 150
_SECONDS = 15.0


def questions(hours: int) -> list[Question]:
    since = f"--since=-{hours}h"
    units = [*paths.UNITS, paths.postgres_unit()]
    tails = [
        Ask(f"journal/{unit}", [*_JOURNAL, f"--unit={unit}", "--lines=200"], 15)
        for unit in units
        if unit not in ("ssh.service", "ufw.service") and not unit.endswith(".socket")
    ]
    return [
        Look(
            "journal/first-failure",
            lambda: first_failure([*_JOURNAL, since, *[f"--unit={unit}" for unit in units]]),
            25,
        ),
        Look("journal/last-runs", lambda: _last_runs(units), 40),
        Ask("journal/errors", [*_JOURNAL, since, "--priority=err", "--lines=300"], 15),
        Ask("journal/kernel", [*_JOURNAL, "--dmesg", "--lines=300"], 15),
        Ask(
            "journal/kernel-trouble",
            [
                *_JOURNAL,
                "--dmesg",
                since,
                "--lines=50",
                "--grep=oom-kill|Out of memory|I/O error|EXT4-fs error|read-only",
            ],
            15,
        ),
        Ask("journal/disk-usage", ["journalctl", "--disk-usage"], 5),
        *tails,
    ]


def first_failure(command: list[str]) -> str:
    """The lines around the first failure. Read as they come, and no further than needed: a journal may be long."""
    process = subprocess.Popen(  # noqa: S603 - our own words
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT, cwd="/"
    )
    assert process.stdout is not None  # noqa: S101 - it was opened with a pipe
    kept: deque[str] = deque(maxlen=_BEFORE)
    found, after, rest = "", 0, b""
    deadline = time.monotonic() + _SECONDS
    try:
        while after < _AFTER and (left := deadline - time.monotonic()) > 0:
            if not select.select([process.stdout], [], [], left)[0] or not (
                piece := os.read(process.stdout.fileno(), 1 << 16)
            ):
                break
            *lines, rest = (rest + piece).split(b"\n")
            for line in (raw.decode("utf-8", "replace")[:4000] for raw in lines):
                if found:
                    after += 1
                elif FAILURE.search(line):
                    found, kept = line, deque(kept, maxlen=_BEFORE + _AFTER + 1)
                if after <= _AFTER:
                    kept.append(line)
    finally:
        process.kill()
        process.wait(2)
        process.stdout.close()
    return f"first: {found}\n\n" + "\n".join(kept) + "\n" if found else "no failure was found\n"


def _last_runs(units: list[str]) -> str:
    """What each service and systemd said of its newest run: earlier ones may have had other troubles."""
    shown = run(Ask("", ["systemctl", "show", "--property=Id,InvocationID", *units], 5)).text
    parts = []
    for block in shown.split("\n\n"):
        known = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        name, invocation = known.get("Id", ""), known.get("InvocationID", "")
        if name.endswith(".service") and invocation:
            both = [f"_SYSTEMD_INVOCATION_ID={invocation}", "+", f"INVOCATION_ID={invocation}"]
            said = run(Ask("", [*_JOURNAL, "--lines=60", *both], 8, 40_000)).text
            parts.append(f"== {name}\n{said}")
    return "\n".join(parts)
