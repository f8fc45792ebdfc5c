"""The operator's commands as a trial runs them: the real functions behind `milkbot`, on the trial's clock and wire."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import typer

from milkbot.cli.app import COMMANDS, application
from milkbot.errors import DatabaseUnavailableError, MilkbotError
from milkbot.venue.client import KalshiClient

if TYPE_CHECKING:
    from tests.property.trial import Trial


def run(trial: Trial, arguments: tuple[str, ...]) -> None:
    """Run a command to its end. It may refuse; anything that is no refusal is raised, also a database that is not there
    for it.
    """
    if arguments[0] not in COMMANDS:
        return
    app = application(arguments[0])
    module = COMMANDS[arguments[0]].partition(":")[0]
    nowhere = contextlib.redirect_stdout(io.StringIO())
    try:
        with _at_home(trial, module), nowhere:
            app(list(arguments), standalone_mode=False)
    except (MilkbotError, typer.Exit) as error:
        if isinstance(error, DatabaseUnavailableError):
            raise


@contextmanager
def _at_home(trial: Trial, module: str) -> Iterator[None]:
    """Where the command finds its settings, its time and its exchange."""

    @contextmanager
    def venue(*_: Any) -> Iterator[KalshiClient]:
        yield trial.venue()

    @contextmanager
    def database(*_: Any) -> Iterator[Any]:
        yield trial.floor.owner

    stand_ins = {
        "settings_of_host": lambda *_, **__: trial.settings,
        "SystemClock": lambda: trial.floor,
        "open_venue": venue,
        "open_database": database,
    }
    with ExitStack() as patches:
        for name, stand_in in stand_ins.items():
            if hasattr(sys.modules[module], name):
                patches.enter_context(patch(f"{module}.{name}", stand_in))
        yield
