"""Programs of the system, run with their failure turned into one sentence."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from localvps.errors import VpsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TAIL_LINES = 15


def run(
    command: Sequence[str | Path],
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a program and return its stdout; raises VpsError with the end of its stderr."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, input=stdin, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise VpsError(f"{words[0]}: no such program on this host") from None
    if done.returncode != 0:
        output = done.stderr.strip() or done.stdout.strip() or "(it printed nothing)"
        tail = "\n".join(output.splitlines()[-_TAIL_LINES:])
        raise VpsError(f"`{' '.join(words[:4])} ...` failed with exit code {done.returncode}:\n{tail}")
    return done.stdout


def succeeds(command: Sequence[str | Path]) -> bool:
    """Return whether a program exits with 0; its output is dropped."""
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
