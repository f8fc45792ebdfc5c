"""Running parts: one thread a lane, one log file a part."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from testrun.outcome import Outcome, read_counts
from testrun.parts import RESULTS, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from testrun.parts import Part

_SHOWN_LINES = 120
_SHORT = 70


def run(parts: Sequence[Part]) -> list[Outcome]:
    """Run the parts, lanes side by side; returns their outcomes in the order given."""
    RESULTS.mkdir(exist_ok=True)
    lanes: dict[int, list[Part]] = {}
    for part in parts:
        lanes.setdefault(part.lane, []).append(part)
    with ThreadPoolExecutor(max_workers=len(lanes)) as pool:
        done = pool.map(lambda lane: [_run_part(part) for part in lane], lanes.values())
    outcomes = {outcome.part: outcome for lane in done for outcome in lane}
    return [outcomes[part.name] for part in parts]


def _run_part(part: Part) -> Outcome:
    report = RESULTS / f"{_report_name(part)}.xml"
    report.unlink(missing_ok=True)
    log = RESULTS / f"{part.name}.log"
    _tell(f"{part.name}: started, log in {log}")
    start = time.monotonic()
    with log.open("wb") as stream:
        failures = tuple(
            shlex.join(command)[:_SHORT]
            for command in (*part.commands, *part.after)
            if _run_command(command, dict(part.env), stream) != 0
        )
    outcome = Outcome(part.name, time.monotonic() - start, failures, read_counts(report), log)
    if outcome.ok:
        _tell(f"{part.name}: ok after {outcome.seconds:.0f} s")
    else:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN_LINES:]
        shown = "".join(f"  {part.name} | {line}\n" for line in lines)
        _tell(f"{part.name}: FAILED after {outcome.seconds:.0f} s; the end of {log}:\n{shown}")
    return outcome


def _report_name(part: Part) -> str:
    """Molecule's verifier names its report after the scenario."""
    return "molecule-default" if part.name.startswith("molecule") else part.name


def _run_command(command: tuple[str, ...], env: dict[str, str], stream: IO[bytes]) -> int:
    stream.write(f"\n$ {shlex.join(command)}\n".encode())
    stream.flush()
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    except FileNotFoundError:
        stream.write(f"{command[0]}: no such program\n".encode())
        return 127


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
