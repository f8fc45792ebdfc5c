"""Running `milkbot` as a user does: in the test's process where that is enough, as a process where it matters."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from tests.exchange import child_environment
from tests.patience import PATIENCE

from milkbot.cli import main
from milkbot.settings import Settings


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def sentences(self) -> list[str]:
        """The lines on standard error that are not the log's."""
        return [line for line in self.err.splitlines() if not line.startswith("{")]


class Milkbot:
    """Runs commands in this process with exactly the settings given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.environment: dict[str, str] = {}

    def __call__(self, *arguments: str, **more: str) -> Done:
        """Run `milkbot ARGUMENTS` with the environment of the fixture and `more`."""
        self._capsys.readouterr()
        with self._monkeypatch.context() as patch, _own_logging():
            for name in (*(field.upper() for field in Settings.model_fields), "MILKBOT_ENV_FILE"):
                patch.delenv(name, raising=False)
            for name, value in {**self.environment, **more}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["milkbot", *arguments])
            with pytest.raises(SystemExit) as left:
                main()
        captured = self._capsys.readouterr()
        return Done(left.value.code if isinstance(left.value.code, int) else 0, captured.out, captured.err)


@contextmanager
def _own_logging() -> Iterator[None]:
    """A command sets up logging for its whole process: take that back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()


def start_milkbot(environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start `milkbot ARGUMENTS` as a process of its own."""
    command = [sys.executable, "-m", "milkbot.cli", *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=child_environment(**environment), **pipes)


def finished(process: subprocess.Popen[str]) -> Done:
    """Wait for a process that was started."""
    out, err = process.communicate(timeout=PATIENCE)
    return Done(process.returncode, out, err)
