"""What the commands are made of: the settings of this host, and the clients built from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from milkbot.db.session import make_engine
from milkbot.errors import ConfigError
from milkbot.load_settings import load_needed, load_settings, warnings
from milkbot.logging import configure_logging
from milkbot.release import release_directory
from milkbot.settings import Settings


def settings_of_host(component: str, *, quiet: bool = False, needed: frozenset[str] | None = None) -> Settings:
    """The settings from the environment, and from `.env` of the installation where this user may read it.

    MILKBOT_ENV_FILE names another file. Logging is set up on the way, `quiet` from warnings on: where a person reads
    on, the command's own output speaks. With `needed` only those fields have to be right, and what else is wrong is a
    warning: the operator's acts must work on a host whose settings the trader refuses. Raises ConfigError.
    """
    problems: list[str] = []
    if needed is None:
        settings = load_settings(env_file=env_file_of_host())
    else:
        settings, problems = needed_of_host(needed)
    unwritable = log_as(settings, component, quiet=quiet)
    if unwritable and needed is None:
        raise ConfigError(unwritable)
    problems += unwritable
    if problems:
        print("milkbot: warning: the configuration is wrong, and no tick runs until it is fixed:", file=sys.stderr)
        print("\n".join(f"  - {problem}" for problem in problems), file=sys.stderr)
    for warning in warnings(settings):
        print(f"milkbot: warning: {warning}", file=sys.stderr)
    return settings


def log_as(settings: Settings, component: str, *, quiet: bool = False) -> list[str]:
    """Set up logging; without LOG_FILE where that cannot be written, and then what is wrong with it."""
    logged = settings.model_copy(update={"log_level": "WARNING"}) if quiet else settings
    try:
        configure_logging(logged, component)
    except ConfigError as error:
        configure_logging(logged.model_copy(update={"log_file": None}), component)
        return error.problems
    return []


def needed_of_host(needed: frozenset[str]) -> tuple[Settings, list[str]]:
    """Settings of this host of which the `needed` fields are right, and what is wrong with the others.

    Raises ConfigError when a needed one is wrong, with the way past the file.
    """
    try:
        return load_needed(needed, env_file=env_file_of_host())
    except ConfigError as error:
        way = "for this command alone a variable of the environment counts more than the file: NAME=value milkbot ..."
        raise ConfigError([*error.problems, way]) from None


def env_file_of_host() -> Path | None:
    """The file of settings that the commands read: the one named in MILKBOT_ENV_FILE, else the installation's."""
    named = os.environ.get("MILKBOT_ENV_FILE")
    if named:
        return Path(named)
    release = release_directory()
    if release is None:
        return None
    file = release.parent.parent / ".env"
    return file if os.access(file, os.R_OK) else None


@contextmanager
def open_database(settings: Settings, application: str, *, statement_seconds: int = 30) -> Iterator[Engine]:
    """An engine on the configured database, named after the command; its connections end with the block.

    `statement_seconds` is how long one of its statements may run.
    """
    engine = make_engine(
        settings.database, application=f"milkbot {application}", statement_timeout_ms=statement_seconds * 1000
    )
    try:
        yield engine
    finally:
        engine.dispose()
