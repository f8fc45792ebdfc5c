"""Ending a run of a playbook in the middle, at each of its stages."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.platform import Platform, said

# A task, and the seconds after its start. With none a stage has ended; with some it is in the middle of one.
Boundary = tuple[str, float]


def cases(
    boundaries: Iterable[Boundary], ways: Iterable[str], usual: Collection[tuple[str, float, str]] = ()
) -> list[object]:
    """Parameters `task`, `after`, `how` for each boundary and way; all but the usual ones are of the matrix."""
    ways = tuple(ways)
    return [
        pytest.param(
            task,
            after,
            how,
            id=f"{how} {after} s after: {task}",
            marks=() if (task, after, how) in usual else pytest.mark.matrix,
        )
        for task, after in boundaries
        for how in ways
    ]


@contextmanager
def stopping(platform: Platform, task: str, after: float, how: str) -> Iterator[dict[str, str]]:
    """The environment of a run that is ended so many seconds after that task's start.

    `how` is kill (the run gets SIGKILL) or cut (its connection is). Afterwards connections are let through again.
    """
    plugins = str(Path(__file__).parent / "plugins")
    try:
        yield {
            "ANSIBLE_CALLBACK_PLUGINS": plugins,
            "ANSIBLE_CALLBACKS_ENABLED": "stop_at",
            "MILKBOT_STOP_AT": task,
            "MILKBOT_STOP_AFTER": str(after),
            "MILKBOT_STOP_BY": how,
            "MILKBOT_STOP_ADDRESS": platform.address,
        }
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "milkbot_test"], check=False, capture_output=True)


@contextmanager
def stopping_once_done(platform: Platform, task: str) -> Iterator[dict[str, str]]:
    """The environment of a run that gets SIGKILL as soon as that task has ended."""
    with stopping(platform, "none", 0, "kill") as environment:
        yield {**environment, "MILKBOT_STOP_ONCE_DONE": task}


def changing(platform: Platform, playbook: str, *options: str, **variables: Any) -> set[str]:
    """Run it to its end; the names of the tasks that changed the host: each is to be a boundary of its matrix."""
    with tempfile.TemporaryDirectory() as directory, stopping(platform, "none", 0, "kill") as environment:
        notes = Path(directory) / "notes"
        notes.touch()
        given = {**environment, "MILKBOT_NOTE_TASKS": str(notes)}
        done = platform.play(playbook, *options, environment=given, **variables)
        assert done.returncode == 0, said(done)
        return set(notes.read_text("utf-8").splitlines())
